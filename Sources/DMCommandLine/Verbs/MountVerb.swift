import DeviceMapper
import Logging

/// `dmfuse mount DIR`.
enum MountVerb {
    static let verb = Verb(
        name: "mount",
        page: CommandPage(
            usage: ["DIR"], summary: "mount a directory and serve it",
            details: """
                Returns when the mount answers, or says in one line why it can't. The daemon goes on \
                in the background, and writes what it logs to syslog. Its control socket is in \
                $DMFUSE_RUNTIME_DIR, if that is set, else in the first of the places that dmfuse(8) names.
                """,
            options: [
                .foreground, .threads, .allowOther, .logLevel, .autoUnmount, .traced, .heldMemory,
                .noLock, .readyDescriptor,
            ],
            example: "mkdir dm; dmfuse mount dm", words: .directory),
        leastWords: 0, mostWords: 1, run: run)

    private static let defaultThreads = 4

    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        guard let directory = try options.directory() else {
            throw Refusal("a directory is missing")
        }
        let level = try options.choice(.logLevel, Logger.Level.self) ?? .notice
        let trace = try options.choice(.traced, TraceKind.self)
        let heldMemory =
            try options.number(.heldMemory, in: MountOrder.heldMemoryRange)
            ?? Limits.heldBytes >> 20
        let order = MountOrder(
            directory: try MountChoice.absolute(directory),
            threads: try options.number(.threads, in: MountOrder.threadRange) ?? defaultThreads,
            allowOther: options.has(.allowOther), autoUnmount: options.has(.autoUnmount),
            logLevel: level, tracesLifecycle: trace == .lifecycle, heldMemory: heldMemory << 20,
            locksFiles: !options.has(.noLock))
        let ready = try options.number(.readyDescriptor, in: 0...Int(Int32.max)).map(Int32.init)
        if options.has(.foreground) || ready != nil {
            if ready != nil { BackgroundDaemon.detach() }
            return Daemon.run(
                order, Readiness(descriptor: ready, console: console), isBackground: ready != nil)
        }
        let hidesFiles = hasFiles(order.directory)
        if let reason = BackgroundDaemon.start(words(order)) {
            console.report("dmfuse: \(reason)")
            return 1
        }
        if hidesFiles {
            console.report(
                "dmfuse: mount \(order.directory.string): what is in the directory is hidden until "
                    + "the unmount")
        }
        return 0
    }

    /// Whether there is something in a directory, as far as that is told within a second: it may be a file
    /// system that doesn't answer.
    private static func hasFiles(_ directory: ByteString) -> Bool {
        let look = BoundedCall.begin("dmfuse-look") { !DirectoryNames.read(directory).isEmpty }
        return look?.wait(until: Deadline(millisecondsFromNow: 1000)) ?? false
    }

    /// The daemon's command line.
    private static func words(_ order: MountOrder) -> [ByteString] {
        var words = [
            "dmfuse", "mount", "--threads", "\(order.threads)", "--log-level",
            order.logLevel.rawValue, "--held-memory", "\(order.heldMemory >> 20)",
        ]
        if order.allowOther { words.append("--allow-other") }
        if order.autoUnmount { words.append("--auto-unmount") }
        if !order.locksFiles { words.append("--no-lock") }
        if order.tracesLifecycle { words += ["--trace", TraceKind.lifecycle.rawValue] }
        words += ["--ready-fd", "\(BackgroundDaemon.readyDescriptor)", "--"]
        return words.map { ByteString($0) } + [order.directory]
    }
}

/// What can be traced.
enum TraceKind: String, CaseIterable {
    case lifecycle
}
