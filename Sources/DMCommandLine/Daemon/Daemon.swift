import DMControl
import DMFilesystem
import DeviceMapper
import Glibc
import Logging
import SystemPackage

/// The daemon: a registry of devices, the control socket that changes it and the file system that
/// shows it.
///
/// Everything is made in the order in which it is needed and ends in the reverse: nobody is let in
/// any more, what is held is answered, backing files are flushed and tables freed, and last the
/// control socket goes.
final class Daemon: Sendable {
    private let registry: DeviceRegistry
    private let mount: Mount
    private let session: Session
    private let ending: Ending
    private let logger: Logger

    /// Serves a mount until it ends; gives the exit status. The calling thread must be the only
    /// one.
    static func run(_ order: MountOrder, _ readiness: Readiness, isBackground: Bool) -> Int32 {
        Signals.block()
        // What the daemon makes is its user's alone, and that user's in any case.
        umask(0o077)
        DescriptorLimit.raise()
        MemoryPressure.becomeFlusher()
        MemoryPressure.prepareAllocation()
        let logger = logger(order.logLevel, isBackground: isBackground)
        let ending = Ending()
        do throws(DMError) {
            let (daemon, server) = try start(order, ending, logger)
            readiness.reportReady()
            logger.notice("serving \(daemon.mount.directory.string)")
            daemon.waitForEnd()
            server.stop()
            return 0
        } catch {
            readiness.reportFailure(line(order.directory, error))
            return 1
        }
    }

    /// Why not, in one line that names the directory once.
    static func line(_ directory: ByteString, _ error: DMError) -> String {
        var reason = error.message.utf8[...]
        for said in [directory.string, ": "] where reason.starts(with: said.utf8) {
            reason = reason.dropFirst(said.utf8.count)
        }
        let text = "mount \(directory): \(SystemCalls.text(error.errno))"
        return reason.isEmpty ? text : "\(text): \(Printable.text(reason))"
    }

    private static func logger(_ level: Logger.Level, isBackground: Bool) -> Logger {
        if isBackground {
            SystemLog.open()
            LoggingSystem.bootstrap { _ in SystemLog() }
        } else {
            LoggingSystem.bootstrap { _ in TerminalLog() }
        }
        var logger = Logger(label: "dmfuse")
        logger.logLevel = level
        return logger
    }

    // MARK: Beginning

    private static func start(
        _ order: MountOrder, _ ending: Ending, _ logger: Logger
    ) throws(DMError) -> (Daemon, ControlServer) {
        let user = getuid()
        // Swift ends the process where it gets no memory: what follows has some.
        guard MemoryReserve.allows() else {
            throw DMError(.noMemory, "no memory is left for a daemon")
        }
        let registry = try makeRegistry(order)
        try registry.workers.keepOne()
        // Without them the mount couldn't be served, nor, by an ordinary user, taken away again.
        try Thread.check(order.threads + otherThreads)
        let directory = try RuntimeDirectory(
            user: user, given: SystemCalls.environment("DMFUSE_RUNTIME_DIR"),
            login: SystemCalls.environment("XDG_RUNTIME_DIR")
        ).prepare()
        let (daemon, server) = try MountTurn.take(in: directory) { isOurs throws(DMError) in
            if isOurs { RuntimeDirectory.removeDeadSockets(in: directory) }
            let socket = RuntimeDirectory.socket(in: directory, process: getpid())
            return try make(order, registry, ending, logger, directory, socket)
        }
        do throws(DMError) {
            try Signals.watch(ending)
            try Thread.start("dmfuse-idle") { IdleMemory.shared.run() }
            try daemon.session.start()
            try daemon.session.waitUntilServing()
            daemon.mount.raiseReadAhead()
            try server.start()
            try Thread.start("dmfuse-watch") {
                if let failure = daemon.session.waitUntilEnded() {
                    logger.error("the file system can't be served: \(failure)")
                }
                ending.finish(.sessionEnded)
            }
            return (daemon, server)
        } catch {
            server.stop()
            _ = try? daemon.mount.unmount(detach: true)
            throw error
        }
    }

    /// Mounts, and listens; nobody is answered yet.
    private static func make(
        _ order: MountOrder, _ registry: DeviceRegistry, _ ending: Ending, _ logger: Logger,
        _ directory: ByteString, _ socket: ByteString
    ) throws(DMError) -> (Daemon, ControlServer) {
        var options = MountOptions()
        options.allowOther = order.allowOther
        options.autoUnmount = order.autoUnmount
        options.uncovered = [directory, "/proc"]
        let mount = try Mount(at: order.directory, options: options)
        do throws(DMError) {
            var configuration = SessionConfiguration(controlSocket: socket)
            configuration.threads = order.threads
            let session = try Session(
                registry: registry, mount: mount, configuration: configuration)
            let daemon = Daemon(registry, mount, session, ending, logger)
            var control = ServerConfiguration(
                socketPath: socket, owner: getuid(), mountPoint: mount.directory,
                mountDevice: mount.device)
            control.log = { logger.notice("device-mapper: \($0)") }
            let server = try ControlServer(
                registry, control, handler: { daemon.answer($0, $1) })
            return (daemon, server)
        } catch {
            _ = try? mount.unmount(detach: true)
            throw error
        }
    }

    /// For signals, interrupts, the end of the session, idle memory, the control socket and those who hang
    /// up; for a client; and two for whoever comes in between.
    private static let otherThreads = 9

    private static func makeRegistry(_ order: MountOrder) throws(DMError) -> DeviceRegistry {
        let text = (try? SystemCalls.contents(of: ByteString("/proc/devices"))) ?? []
        guard let majors = BlockMajors.choose(procDevices: text) else {
            throw DMError(.resourceBusy, "this host has no two block majors left")
        }
        // One thread of the session always listens; the others may do backing I/O.
        var configuration = RegistryConfiguration(
            mappedMajor: majors.mapped, backingMajor: majors.backing,
            inlineLimit: order.threads - 1)
        if order.tracesLifecycle { configuration.lifecycleTrace = LifecycleTrace() }
        configuration.heldMemory = order.heldMemory
        configuration.locksFiles = order.locksFiles
        // /tmp is memory itself on many a host.
        configuration.spillDirectory =
            SystemCalls.environment("TMPDIR") ?? ByteString("/var/tmp")
        return DeviceRegistry(configuration)
    }

    private init(
        _ registry: DeviceRegistry, _ mount: Mount, _ session: Session, _ ending: Ending,
        _ logger: Logger
    ) {
        self.registry = registry
        self.mount = mount
        self.session = session
        self.ending = ending
        self.logger = logger
    }

    // MARK: Ending

    private func waitForEnd() {
        switch ending.wait() {
        case .unmounted:
            logger.notice("unmounted")
        case .signal(let number):
            logger.notice("ending by signal \(number)")
            takeAway()
            finish()
        case .sessionEnded:
            logger.notice("the file system was unmounted")
            finish()
            // It may still be in the tree, when its connection was ended.
            takeAway()
        }
    }

    /// Unmounts, whoever uses it. What hinders that doesn't hinder the end.
    private func takeAway() {
        do throws(DMError) {
            try mount.unmount(detach: true)
        } catch {
            noteLeft(error)
        }
    }

    private func noteLeft(_ error: DMError) {
        let reason = error.message.isEmpty ? "\(error.errno)" : error.message
        logger.error("\(mount.directory.string): left without a daemon: \(reason)")
    }

    /// Nobody is let in any more: answers what is held, flushes and frees everything.
    private func finish() {
        // Never refused with force.
        try? registry.beginShutdown(force: true)
        // A client whose read failed asks again for what it had cached, and then closes: it gets its
        // EIO as long as somebody answers.
        registry.waitUntilClosed(milliseconds: 1000)
        // What is under way may wait for ourselves, by a backing file that stands on the mount: while
        // that is served, it ends.
        registry.waitUntilIdle()
        session.stop()
        // With it the connection: the last flush doesn't wait for ourselves, either.
        session.waitUntilEnded()
        registry.finishShutdown()
    }

    /// On a client's thread.
    private func answer(_ command: DMFuseCommand, _ argument: [UInt8]) -> OwnReply {
        guard command == .unmount else { return OwnReply(errno: .inappropriateIOCTLForDevice) }
        guard ending.beginUnmount() else {
            return OwnReply(errno: .alreadyInProcess, reason: "the daemon is ending")
        }
        let force = argument.first == 1
        do throws(DMError) {
            // The kernel decides whether it is in use: a program can't open a file in between. Where the
            // mount is out of the tree already, we do.
            if try !mount.unmount(detach: force) { try registry.beginShutdown(force: force) }
        } catch {
            let isCovered = force && error.errno == .resourceBusy
            guard isCovered else {
                ending.abandonUnmount()
                return OwnReply(errno: error.errno, reason: reason(error))
            }
            noteLeft(error)
        }
        // The answer comes when all is written back and freed.
        finish()
        return OwnReply(errno: nil) { [ending] in ending.finish(.unmounted) }
    }

    /// The kernel doesn't tell who uses it.
    private func reason(_ error: DMError) -> String {
        error == DMError(.resourceBusy) ? BusyDevices.reason(registry) : error.message
    }
}
