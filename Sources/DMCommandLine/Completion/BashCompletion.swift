/// For bash, with or without the bash-completion package.
enum BashCompletion {
    static var script: String {
        """
        # Completion of dmfuse for bash, as 'dmfuse completion bash' prints it.

        # The command line's own mount, in `dir`.
        _dmfuse_list() { dmfuse "${dir[@]}" "$@" 2>/dev/null; }
        # Lines of standard input that begin with what was typed, quoted where a shell needs it.
        _dmfuse_offer() {
            local line
            while IFS= read -r line; do
                [[ $line != "$word"* ]] || COMPREPLY+=("$(printf '%q' "$line")")
            done
        }
        _dmfuse_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }
        _dmfuse_files() {
            mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
            compopt -o filenames 2>/dev/null
        }
        # The last of several fields.
        _dmfuse_fields() {
            local head=${word%"${word##*,}"}
            mapfile -t COMPREPLY < <(compgen -P "$head" -W '\(CompletionShell.fieldNames)' -- "${word##*,}")
            compopt -o nospace 2>/dev/null
        }
        _dmfuse() {
            local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
            local command='' at=0 i dir=()
            COMPREPLY=()
            # bash makes a word of the "=" in --dir=DIR.
            if [ "$before" = = ]; then
                before=${COMP_WORDS[COMP_CWORD - 2]}
            elif [ "$word" = = ]; then
                word=''
            fi
            for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                    --dir)
                        [ "${COMP_WORDS[i + 1]}" != = ] || i=$((i + 1))
                        dir=(--dir "${COMP_WORDS[++i]}")
                        ;;
                    -*) ;;
                    *) command=${COMP_WORDS[i]} at=$i && break ;;
                esac
            done
            if [ "$command" = run ]; then
                for ((i = at + 1; i < COMP_CWORD; i++)); do
                    case ${COMP_WORDS[i]} in
                        --dir | --reasons) i=$((i + 1)) ;;
                        --) _dmfuse_run $((i + 1)) && return ;;
                        -*) ;;
                        *) _dmfuse_run "$i" && return ;;
                    esac
                done
            fi
            case $before in
        \(values)
            esac
            if [ -z "$command" ]; then
                if [[ $word == -* ]]; then
                    _dmfuse_words '--dir --help --version'
                else
                    _dmfuse_words '\(CompletedCommand.allNames)'
                fi
                return
            fi
            local options='' kind=''
            case $command in
        \(commands)
            esac
            if [[ $word == -* ]]; then
                _dmfuse_words "$options"
                return
            fi
            case $kind in
                devices) _dmfuse_offer < <(_dmfuse_list \(CompletionShell.listDevices)) ;;
                targets) \(targets) ;;
                directory) _dmfuse_files -d ;;
                commands) _dmfuse_words '\(CompletedCommand.allNames)' ;;
                shells) _dmfuse_words '\(CompletionShell.names)' ;;
                command) \(programs) ;;
            esac
        }
        # The command line of the program that `run` starts, from that word on.
        _dmfuse_run() {
            if [ "$1" -ge "$COMP_CWORD" ]; then
                \(programs)
            elif declare -F _command_offset >/dev/null; then
                _command_offset "$1"
            else
                _dmfuse_files -f
            fi
        }
        complete -F _dmfuse dmfuse

        """
    }

    private static let targets =
        "_dmfuse_words \"$(_dmfuse_list \(CompletionShell.listTargets) | cut -d ' ' -f 1)\""
    private static let programs = "mapfile -t COMPREPLY < <(compgen -c -- \"$word\")"

    private static var commands: String {
        CompletedCommand.all.map { command in
            let names = command.names.joined(separator: " | ")
            let options = command.spellings.joined(separator: " ")
            return "        \(names)) options='\(options)' kind=\(command.page.words) ;;"
        }.joined(separator: "\n")
    }

    private static var values: String {
        CompletedValue.all.map { spellings, value in
            let action =
                switch value {
                case .directory: "_dmfuse_files -d"
                case .file: "_dmfuse_files -f"
                case .target: targets
                case .field: "_dmfuse_fields"
                case .command: programs
                case .words(let words): "_dmfuse_words '\(words.joined(separator: " "))'"
                case .unknown: ":"
                }
            return "        \(spellings.joined(separator: " | "))) \(action) && return ;;"
        }.joined(separator: "\n")
    }
}
