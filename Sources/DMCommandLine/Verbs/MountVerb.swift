import ArgumentParser
import DeviceMapper
import Logging

/// `dmfuse mount DIR`.
struct MountVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount", abstract: "Mount a directory and serve it.",
        discussion: """
            Returns when the mount answers, or says in one line why it can't. The daemon goes on \
            in the background, and writes what it logs to syslog. Its control socket is in \
            $DMFUSE_RUNTIME_DIR, if that is set, else in a directory of yours that it finds.
            """)

    @Argument(help: "An existing directory.", completion: .directory)
    var directory: ByteString

    @Flag(help: "Serve in the foreground, and log to standard error.")
    var foreground = false

    @Option(help: "Threads that take requests, 2 to 64.")
    var threads = 4

    @Flag(help: "Let other users enter; files stay the mounting user's.")
    var allowOther = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = LogLevel.notice

    @Flag(help: "Unmount when the daemon ends, even if it is killed.")
    var autoUnmount = false

    @Option(help: "Keep the newest events of that kind for 'dmfuse trace': lifecycle.")
    var trace: TraceKind?

    @Option(
        help: "MiB of memory for writes that are held; more of them go to a file in $TMPDIR.")
    var heldMemory = Limits.heldBytes >> 20

    @Flag(help: "Use backing files that another dmfuse daemon uses, and let it use ours.")
    var noLock = false

    @Option(help: .private)
    var readyFd: Int32?

    func validate() throws {
        guard MountOrder.threadRange.contains(threads) else {
            let range = MountOrder.threadRange
            throw ValidationError("--threads takes \(range.lowerBound) to \(range.upperBound)")
        }
        guard MountOrder.heldMemoryRange.contains(heldMemory) else {
            let range = MountOrder.heldMemoryRange
            throw ValidationError(
                "--held-memory takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func execute(_ console: Console) -> Int32 {
        let path: ByteString
        do throws(Refusal) {
            path = try MountChoice.absolute(directory)
        } catch {
            console.report("dmfuse: mount: \(error.clause)")
            return 1
        }
        if foreground || readyFd != nil {
            let order = MountOrder(
                directory: path, threads: threads, allowOther: allowOther,
                autoUnmount: autoUnmount, logLevel: logLevel.level,
                tracesLifecycle: trace == .lifecycle,
                heldMemory: heldMemory << 20, locksFiles: !noLock)
            if readyFd != nil { BackgroundDaemon.detach() }
            return Daemon.run(
                order, Readiness(descriptor: readyFd, console: console),
                isBackground: readyFd != nil)
        }
        guard let reason = BackgroundDaemon.start(words(path)) else { return 0 }
        console.report("dmfuse: \(reason)")
        return 1
    }

    /// The daemon's command line.
    private func words(_ path: ByteString) -> [ByteString] {
        var words = [
            "dmfuse", "mount", "--threads", "\(threads)", "--log-level", logLevel.rawValue,
            "--held-memory", "\(heldMemory)",
        ]
        if allowOther { words.append("--allow-other") }
        if autoUnmount { words.append("--auto-unmount") }
        if noLock { words.append("--no-lock") }
        if let trace { words += ["--trace", trace.rawValue] }
        words += ["--ready-fd", "\(BackgroundDaemon.readyDescriptor)", "--"]
        return words.map { ByteString($0) } + [path]
    }
}

/// What can be traced.
enum TraceKind: String, ExpressibleByArgument {
    case lifecycle
}

/// `Logger.Level` on a command line.
enum LogLevel: String, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .notice }
}
