/// For fish.
enum FishCompletion {
    static var script: String {
        """
        # Completion of dmfuse for fish, as 'dmfuse completion fish' prints it.

        # Lists something of the mount that the command line names.
        function __dmfuse_list
            set -l words (commandline -opc)
            set -l dir
            if set -l at (contains -i -- --dir $words)
                set dir --dir $words[(math $at + 1)]
            else
                set dir (string match -- '--dir=*' $words)
            end
            dmfuse $dir $argv 2>/dev/null
        end
        # Whether the command is one of these; without a word, whether there is one.
        function __dmfuse_command
            set -l words (commandline -opc)
            set -e words[1]
            while set -q words[1]
                switch $words[1]
                    case --dir
                        set -e words[1]
                    case '-*'
                    case '*'
                        break
                end
                set -e words[1]
            end
            set -q words[1]; or return
            not set -q argv[1]; or contains -- $words[1] $argv
        end
        complete -c dmfuse -f
        \(commands)
        \(common)
        \(options)
        \(words)

        """
    }

    /// Within single quotes.
    private static func quoted(_ text: String) -> String {
        "'" + text.backslashed(["\\", "'"]) + "'"
    }

    private static let targets =
        "(__dmfuse_list \(CompletionShell.listTargets) | string split -f 1 \" \")"
    private static let first = "-n 'not __dmfuse_command'"
    private static func within(_ names: [String]) -> String {
        "-n '__dmfuse_command \(names.joined(separator: " "))'"
    }

    private static var commands: String {
        CompletedCommand.all.flatMap { command in
            command.names.map {
                "complete -c dmfuse \(first) -a \($0) -d \(quoted(command.page.summary))"
            }
        }.joined(separator: "\n")
    }

    private static var common: String {
        OptionTable.common.compactMap { option($0, "") }.joined(separator: "\n")
    }

    private static var options: String {
        CompletedCommand.all.flatMap { command in
            command.options.filter { !OptionTable.common.contains($0) }
                .compactMap { option($0, within(command.names) + " ") }
        }.joined(separator: "\n")
    }

    private static func option(_ id: OptionID, _ condition: String) -> String? {
        guard let text = OptionText(id) else { return nil }
        let spelling = OptionTable.spellings(of: id).map {
            $0.hasPrefix("--") ? "-l \($0.dropFirst(2))" : "-s \($0.dropFirst())"
        }
        let value = CompletedValue(id).map { " \(action($0))" } ?? ""
        return "complete -c dmfuse \(condition)\(spelling.joined(separator: " "))\(value)"
            + " -d \(quoted(text.meaning))"
    }

    private static func action(_ value: CompletedValue) -> String {
        switch value {
        case .directory: "-x -a '(__fish_complete_directories)'"
        case .file: "-r -F"
        case .target: "-x -a '\(targets)'"
        case .field: "-x -a '(__fish_append , \(CompletionShell.fieldNames))'"
        case .command: "-x -a '(__fish_complete_command)'"
        case .words(let words): "-x -a '\(words.joined(separator: " "))'"
        case .unknown: "-x"
        }
    }

    private static var words: String {
        CompletedCommand.all.compactMap { command in
            let candidates: String
            switch command.page.words {
            case .none: return "complete -c dmfuse \(within(command.names)) -F"
            case .devices: candidates = "(__dmfuse_list \(CompletionShell.listDevices))"
            case .targets: candidates = targets
            case .directory: candidates = "(__fish_complete_directories)"
            case .command: candidates = "(__fish_complete_subcommand --fcs-skip=2)"
            case .commands: candidates = CompletedCommand.allNames
            case .shells: candidates = CompletionShell.names
            }
            return "complete -c dmfuse \(within(command.names)) -a '\(candidates)'"
        }.joined(separator: "\n")
    }
}
