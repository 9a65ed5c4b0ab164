import DeviceMapper

/// `dmfuse help [COMMAND]`.
enum HelpVerb {
    static let verb = Verb(
        name: "help",
        page: CommandPage(
            usage: ["[COMMAND]"], summary: "show the commands, or how one is used",
            example: "dmfuse help create", words: .commands),
        leastWords: 0, mostWords: 1, run: run)

    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        guard let name = options.words.first else {
            console.print(HelpText.overview)
            return 0
        }
        guard let text = HelpText.page(of: name) else {
            throw Refusal("\(name.string): there is no such command; 'dmfuse help' lists them")
        }
        console.print(text)
        return 0
    }
}
