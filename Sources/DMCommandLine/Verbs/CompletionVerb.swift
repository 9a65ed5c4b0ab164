import DeviceMapper

/// `dmfuse completion SHELL`.
enum CompletionVerb {
    static let verb = Verb(
        name: "completion",
        page: CommandPage(
            usage: ["bash|zsh|fish"], summary: "print a shell's completion of our command lines",
            details: "The packages install it.",
            example: "eval \"$(dmfuse completion bash)\"", words: .shells),
        leastWords: 1, mostWords: 1, run: run)

    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        let word = options.words.first ?? .empty
        guard let shell = CompletionShell.allCases.first(where: { word == ByteString($0.rawValue) })
        else {
            throw Refusal("\(word.string): no completion for it: there are bash, zsh and fish")
        }
        console.print(shell.script)
        return 0
    }
}
