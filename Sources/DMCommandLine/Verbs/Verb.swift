import DeviceMapper

/// One of our own verbs. All other commands are dmsetup's (`CommandTable`).
struct Verb: Sendable {
    let name: String
    var aliases: [String] = []
    let page: CommandPage
    /// How many words it takes; nil: any number.
    let leastWords: Int
    let mostWords: Int?
    /// What follows the first word is another command's.
    var stopsAtWord = false
    /// The exit status after a refusal.
    var refusalStatus: Int32 = 1
    /// Gives the exit status.
    let run: @Sendable (_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32
}

/// All of them, in the order of help. To add one: a file in this folder, a line here.
enum VerbTable {
    static var all: [Verb] {
        [
            MountVerb.verb, UnmountVerb.verb, RunVerb.verb, TraceVerb.verb, HelpVerb.verb,
            CompletionVerb.verb,
        ]
    }

    static func find(_ word: ByteString) -> Verb? {
        all.first { verb in ([verb.name] + verb.aliases).contains { word == ByteString($0) } }
    }
}
