import DMControl
import DeviceMapper

/// Runs one command line of dmsetup's grammar, under either name.
struct DeviceCommandLine {
    /// How we were called, as getopt prints it.
    let programName: ByteString
    let personality: Personality
    let console: Console
    let surroundings: Surroundings

    /// Nil after a refusal of the command line itself, which was reported.
    private func options(_ arguments: [ByteString]) -> CommandLineOptions? {
        let mode = surroundings.environment("DM_DEFAULT_NAME_MANGLING_MODE").flatMap {
            Mangling.Mode($0)
        }
        do {
            return try CommandLineOptions(
                arguments, mangling: mode ?? .auto,
                stopsAtOperand: surroundings.environment("POSIXLY_CORRECT") != nil)
        } catch {
            switch personality {
            case .dmsetup:
                let prefix = error.fromGetopt ? "\(programName.string): " : ""
                console.report(prefix + error.message)
                console.report("Couldn't process command line.")
            case .dmfuse:
                console.report("dmfuse: \(error.message)")
            }
            return nil
        }
    }

    /// Runs it; gives the exit status.
    func run(_ arguments: [ByteString]) -> Int32 {
        defer { console.flush() }
        guard let options = options(arguments) else { return 1 }
        if options.hasWrongCookie, personality == .dmsetup {
            console.report("Incorrect cookie value.")
        }
        var words = options.words[...]
        if personality == .dmfuse, options.help || options.version {
            return explain(options)
        }
        // --help and --version are commands, whatever else stands there, and always succeed.
        let forced: ByteString? = options.help ? "help" : options.version ? "version" : nil
        guard let name = forced ?? words.popFirst() else {
            refuseUsage(nil, command: nil)
            return 1
        }
        guard let command = CommandTable.find(name) else {
            refuseUsage("Unknown command.", command: name)
            return 1
        }
        if forced == nil {
            guard words.count >= command.leastWords, words.count <= command.mostWords ?? Int.max
            else {
                refuseUsage("Incorrect number of arguments.", command: name)
                return 1
            }
        }
        let status = run(command, options, words, isForced: forced != nil)
        return forced == nil ? status : 0
    }

    /// What --help and --version print under our own name.
    private func explain(_ options: CommandLineOptions) -> Int32 {
        guard options.help else {
            console.print(VersionCommand.line(surroundings))
            return 0
        }
        guard let name = options.words.first else {
            console.print(HelpText.overview)
            return 0
        }
        guard let text = HelpText.page(of: name) else {
            refuseUsage("Unknown command.", command: name)
            return 1
        }
        console.print(text)
        return 0
    }

    private func refuseUsage(_ line: String?, command: ByteString?) {
        switch personality {
        case .dmsetup:
            if let line { console.report(line) }
            console.reportText(Usage.text)
        case .dmfuse:
            let place = command.map { "\($0): " } ?? ""
            let clause = line ?? "a command is missing."
            let known = command.flatMap { CommandTable.find($0) }.map { "\($0.name) " } ?? ""
            console.report("dmfuse: \(place)\(clause) Try 'dmfuse \(known)--help'.")
        }
    }

    private func run(
        _ command: CommandDefinition, _ given: CommandLineOptions, _ words: ArraySlice<ByteString>,
        isForced: Bool
    ) -> Int32 {
        var options = given
        let diagnostics = Diagnostics(personality, console: console, command: command.name)
        // This one command is about the names as the daemon holds them.
        let mangling = command.name == "mangle" ? .none : options.mangling
        let choice = MountChoice(
            given: options.directory, environment: surroundings.environment("DM_DEV_DIR"))
        let daemon = DaemonClient(mangling: mangling, personality: personality) {
            () throws(Refusal) in
            try choice.choose()
        }
        let selects = options.selection != nil && command.isSelectable
        options.columns = options.columns || selects || command.name == "splitname"
        var report: DeviceReport?
        if !isForced {
            do {
                try checkFormOptions(options)
            } catch {
                diagnostics.report(error, device: nil)
                if personality == .dmsetup { console.report("Couldn't process command line.") }
                return 1
            }
            if options.columns {
                do {
                    report = try DeviceReport(
                        options, command: selects ? "info" : command.name,
                        personality: personality, console: console)
                } catch {
                    diagnostics.report(error, device: nil)
                    return 1
                }
                // Nothing is left to do when help was asked for.
                if report == nil { return 0 }
            }
        }
        let hasDeviceOption = options.uuid != nil || options.number != nil
        let isMultiple =
            command.isRepeated && words.count != 1
            && (!words.isEmpty || !hasDeviceOption)
        let invocation = Invocation(
            selects ? CommandTable.find("info") ?? command : command, options: options,
            words: words, isMultiple: isMultiple, daemon: daemon, console: console,
            diagnostics: diagnostics, personality: personality, report: report,
            surroundings: surroundings)
        if selects, let report { apply(command, to: report, invocation) }
        return perform(invocation, words)
    }

    /// `-o` of ls and deps and of the tree is read before anything is done.
    private func checkFormOptions(_ options: CommandLineOptions) throws(Refusal) {
        if options.tree {
            _ = try ListCommand.treeOptions(options, surroundings)
        } else {
            _ = try NumberForm(options)
        }
    }

    /// `-S` with a command other than info: the command runs for each device that is selected.
    private func apply(
        _ command: CommandDefinition, to report: DeviceReport, _ invocation: Invocation
    ) {
        report.forEachSelected = { name throws(Refusal) in
            var options = invocation.options
            options.columns = false
            let single = Invocation(
                command, options: options, words: [name], isMultiple: true,
                daemon: invocation.daemon, console: console,
                diagnostics: invocation.diagnostics, personality: personality, report: nil,
                surroundings: surroundings)
            single.startedConciseLine = invocation.startedConciseLine
            defer { invocation.startedConciseLine = single.startedConciseLine }
            try command.run(single)
        }
    }

    /// As often as `--count` says.
    private func perform(_ invocation: Invocation, _ words: ArraySlice<ByteString>) -> Int32 {
        var left = invocation.options.repetitions
        do {
            try invocation.report?.prepare(invocation)
        } catch {
            invocation.diagnostics.report(error, device: nil)
            return 1
        }
        while true {
            let succeeded = performOnce(invocation, words)
            if invocation.startedConciseLine { console.print("\n") }
            invocation.startedConciseLine = false
            invocation.report?.output(to: console)
            guard succeeded else { return 1 }
            left = left.map { $0 - 1 }
            if left == 0 { return 0 }
            if invocation.report != nil {
                console.print("\n")
                console.flush()
                surroundings.sleep(UInt32(clamping: UInt64(invocation.options.interval) * 1000))
            }
        }
    }

    private func performOnce(_ invocation: Invocation, _ words: ArraySlice<ByteString>) -> Bool {
        var rest = words
        repeat {
            invocation.words = rest
            do {
                try invocation.command.run(invocation)
            } catch {
                let device = error.device ?? device(of: invocation, rest)
                invocation.diagnostics.report(error, device: device)
                invocation.diagnostics.commandFailed()
                return false
            }
            rest = rest.dropFirst()
        } while invocation.command.isRepeated && !rest.isEmpty
        return true
    }

    /// What a refusal says that it is about: the device's name, or what stands for it.
    private func device(
        of invocation: Invocation, _ words: ArraySlice<ByteString>
    ) -> ByteString? {
        if invocation.options.concise, invocation.command.name == "create" { return nil }
        if let name = words.first { return name }
        if let uuid = invocation.options.uuid { return uuid }
        return invocation.options.number.map { ByteString("\($0.major):\($0.minor)") }
    }
}
