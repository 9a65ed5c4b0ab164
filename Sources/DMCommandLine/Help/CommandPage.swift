/// What help, the manual and completions say of a command.
struct CommandPage {
    /// What may stand behind "dmfuse NAME", without the options.
    let usage: [String]
    /// One clause, for lists.
    let summary: String
    /// Sentences that follow it in the command's own help.
    var details = ""
    /// In the order in which they are shown, without those of every command.
    var options: [OptionID] = []
    let example: String
    var words = Words.none
    /// Behind its words options are another command's.
    var optionsStandFirst = false

    /// A line for each use.
    func synopsis(of name: String) -> [String] {
        usage.map { usage in
            let words = optionsStandFirst ? ["[OPTION]...", usage] : [usage, "[OPTION]..."]
            return (["dmfuse", name] + words.filter { !$0.isEmpty }).joined(separator: " ")
        }
    }

    /// What its words are.
    enum Words {
        case none, devices, directory, command, commands, targets, shells
    }

    /// How a device is named where its name isn't.
    static let deviceOptions: [OptionID] = [.uuid, .major, .minor]
    static let reportOptions: [OptionID] = [
        .columns, .options, .sort, .select, .noHeadings, .separator, .namePrefixes, .unquoted,
        .rows,
        .unbuffered, .count, .interval,
    ]
    /// dmsetup's that every command of hers takes, and that change nothing here.
    static let withoutEffect: [OptionID] = [
        .checks, .udevCookie, .noUdevRules, .noUdevSync, .verifyUdev, .yes,
    ]
}
