import DeviceMapper

/// A command line under our own name. A verb of ours has options of its own; all else is dmsetup's
/// grammar (`DeviceCommandLine`). The options of every command may stand before either's name.
struct OwnCommandLine {
    let programName: ByteString
    let console: Console
    let surroundings: Surroundings

    /// Runs it; gives the exit status.
    func run(_ arguments: [ByteString]) -> Int32 {
        defer { console.flush() }
        let leading = arguments.prefix(Self.leadingOptions(arguments))
        let rest = arguments.dropFirst(leading.count)
        if let name = rest.first, let verb = VerbTable.find(name) {
            return run(verb, Array(leading) + rest.dropFirst())
        }
        let line = DeviceCommandLine(
            programName: programName, personality: .dmfuse, console: console,
            surroundings: surroundings)
        return line.run(arguments)
    }

    /// How many words of options that every command has stand first.
    private static func leadingOptions(_ words: [ByteString]) -> Int {
        var count = 0
        while count < words.count {
            switch words[count] {
            case "-h", "--help", "--version": count += 1
            case "--dir": count += 2
            case let word where word.hasPrefix("--dir="): count += 1
            default: return count
            }
        }
        return min(count, words.count)
    }

    private func run(_ verb: Verb, _ arguments: [ByteString]) -> Int32 {
        do throws(Refusal) {
            let options = try VerbOptions(
                arguments, verb.page.options, stopsAtWord: verb.stopsAtWord)
            if let text = text(options, verb) {
                console.print(text)
                return 0
            }
            guard options.words.count >= verb.leastWords,
                options.words.count <= verb.mostWords ?? Int.max
            else {
                throw Refusal(
                    "Incorrect number of arguments. Try 'dmfuse \(verb.name) --help'.")
            }
            return try verb.run(options, console)
        } catch {
            let device = error.device.map { " \($0.string)" } ?? ""
            console.report("dmfuse: \(verb.name)\(device): \(error.clause)")
            return verb.refusalStatus
        }
    }

    /// What --help and --version print.
    private func text(_ options: VerbOptions, _ verb: Verb) -> String? {
        if options.has(.help) { return HelpText.page(of: ByteString(verb.name)) }
        return options.has(.version) ? VersionCommand.line(surroundings) : nil
    }
}
