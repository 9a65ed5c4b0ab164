/// For zsh, as a function of its own completion system.
enum ZshCompletion {
    static var script: String {
        """
        #compdef dmfuse
        # Completion of dmfuse for zsh, as 'dmfuse completion zsh' prints it.

        _dmfuse_list() { dmfuse $dir "$@" 2>/dev/null }
        _dmfuse_devices() {
            local -a names=(${(f)"$(_dmfuse_list \(CompletionShell.listDevices))"})
            compadd -- $names
        }
        _dmfuse_targets() {
            local -a lines=(${(f)"$(_dmfuse_list \(CompletionShell.listTargets))"})
            compadd -- ${lines%% *}
        }
        _dmfuse_fields() { _values -s , field \(CompletionShell.fieldNames) }
        _dmfuse() {
            # `commands` and `command` are the shell's own.
            local -a dir verbs
            local verb='' i
            verbs=(
        \(commands)
            )
            for ((i = 2; i < CURRENT; i++)); do
                case $words[i] in
                    --dir) dir=(--dir ${(Q)words[i+1]}) && i=$((i + 1)) ;;
                    --dir=*) dir=(${(Q)words[i]}) ;;
                    -*) ;;
                    *) verb=$words[i] && break ;;
                esac
            done
            if [[ -z $verb ]]; then
                if [[ $words[CURRENT-1] == --dir ]]; then
                    _files -/
                elif [[ $words[CURRENT] == -* ]]; then
                    compadd -- --dir --help --version
                else
                    _describe command verbs
                fi
                return
            fi
            # What stands before the command was looked at.
            words=("${(@)words[i,-1]}") && CURRENT=$((CURRENT - i + 1))
            case $verb in
        \(cases)
            esac
        }
        if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _dmfuse "$@"; else compdef _dmfuse dmfuse; fi

        """
    }

    /// Within single quotes.
    private static func quoted(_ text: String) -> String {
        "'"
            + text.split(separator: "'", omittingEmptySubsequences: false).joined(
                separator: "'\\''")
            + "'"
    }

    /// A colon ends a name, and brackets a meaning.
    private static func escaped(_ text: String) -> String {
        text.backslashed([":", "[", "]", "\\"])
    }

    private static var commands: String {
        CompletedCommand.all.flatMap { command in
            command.names.map { "        " + quoted("\($0):\(escaped(command.page.summary))") }
        }.joined(separator: "\n")
    }

    private static var cases: String {
        CompletedCommand.all.map { command in
            var words = command.options.flatMap(specification)
            words += arguments(command.page.words).map(quoted)
            let list = words.joined(separator: " \\\n            ")
            return "        \(command.names.joined(separator: "|")))\n"
                + "            _arguments -s \\\n            \(list) ;;"
        }.joined(separator: "\n")
    }

    /// An option as _arguments wants it, once for each way to write it.
    private static func specification(_ id: OptionID) -> [String] {
        guard let text = OptionText(id) else { return [] }
        let meaning = "[\(escaped(text.meaning))]"
        var value = ""
        if let placeholder = text.value, let kind = CompletedValue(id) {
            value = ":\(placeholder.lowercased()):\(action(kind))"
        }
        return OptionTable.spellings(of: id).map { spelling in
            let equals = spelling.hasPrefix("--") && !value.isEmpty ? "=" : ""
            return quoted("*\(spelling)\(equals)\(meaning)\(value)")
        }
    }

    private static func action(_ value: CompletedValue) -> String {
        switch value {
        case .directory: "_files -/"
        case .file: "_files"
        case .target: "_dmfuse_targets"
        case .field: "_dmfuse_fields"
        case .command: "_command_names -e"
        case .words(let words): "(\(words.joined(separator: " ")))"
        case .unknown: ""
        }
    }

    private static func arguments(_ words: CommandPage.Words) -> [String] {
        switch words {
        case .none: ["*: :_files"]
        case .devices: ["*:device:_dmfuse_devices"]
        case .targets: ["*:target:_dmfuse_targets"]
        case .directory: ["*:directory:_files -/"]
        case .command: ["1:command: _command_names -e", "*::argument: _normal"]
        case .commands:
            ["*:command:(\(CompletedCommand.allNames))"]
        case .shells: ["*:shell:(\(CompletionShell.names))"]
        }
    }
}
