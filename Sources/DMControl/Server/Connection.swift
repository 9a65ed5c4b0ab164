import DeviceMapper
import SystemPackage

/// One client: its thread greets it, then takes a request, carries it out and replies, until one of
/// both ends hangs up.
final class Connection: Sendable {
    let socket: UnixSocket
    private let registry: DeviceRegistry
    private let configuration: ServerConfiguration
    private let watch: HangupWatch
    private let list: ConnectionList
    private let handler: OwnRequestHandler

    init(
        _ socket: consuming UnixSocket, _ registry: DeviceRegistry,
        _ configuration: ServerConfiguration, _ watch: HangupWatch, _ list: ConnectionList,
        _ handler: @escaping OwnRequestHandler
    ) {
        self.socket = socket
        self.registry = registry
        self.configuration = configuration
        self.watch = watch
        self.list = list
        self.handler = handler
    }

    /// Serves the client to its end, if it is in the list. Errors are the client's: they end the
    /// conversation, and there is nobody to tell.
    func serve() {
        // A command may have taken much: the text of a table, and the answer with one.
        defer { IdleMemory.shared.note() }
        do throws(DMError) {
            guard let session = try greet() else { return }
            let executor = CommandExecutor(registry: registry, session: session)
            while var request = try receive(), list.beginCommand(self) {
                try answer(&request, executor)
                IdleMemory.shared.note()
            }
        } catch {}
        socket.shutdown()
    }

    /// Ends the conversation from any thread: what blocks in it is interrupted as if the client had
    /// gone.
    func shutdown() { socket.shutdown() }

    // MARK: Hello

    /// Refuses a client before it has said anything.
    static func refuse(_ socket: borrowing UnixSocket, _ errno: Errno) {
        // Gone already: then it needs no answer.
        try? socket.send(HelloAnswer(errno: errno, mappedMajor: 0).encode())
        socket.shutdown()
    }

    /// Nil: refused, or gone without a word.
    private func greet() throws(DMError) -> ControlSession? {
        let session: ControlSession?
        do throws(DMError) {
            session = try receiveHello()
        } catch {
            // Unless it had to go, and has an answer.
            if list.waitForClient(self) { Connection.refuse(socket, error.errno) }
            throw error
        }
        guard let session, list.waitForClient(self) else { return nil }
        try socket.send(HelloAnswer(mappedMajor: registry.mappedMajor).encode())
        return session
    }

    /// One deadline for all of it: a client that sends a byte now and then has no more time than
    /// others.
    private func receiveHello() throws(DMError) -> ControlSession? {
        let deadline = Deadline(millisecondsFromNow: configuration.helloMilliseconds)
        guard
            let head = try socket.receiveWithDescriptor(
                ControlProtocol.helloHeadSize, until: deadline)
        else { return nil }
        let hello = try Hello(reading: head.bytes)
        guard hello.version == ControlProtocol.version else {
            throw DMError(.protocolNotSupported)
        }
        guard hello.directoryLength <= ControlProtocol.longestDeviceDirectory else {
            throw DMError(.fileNameTooLong)
        }
        if let passed = head.passed, !passed.isDirectoryPath { throw DMError(.notDirectory) }
        guard let directory = try socket.receive(Int(hello.directoryLength), until: deadline)
        else { return nil }
        guard !directory.contains(0) else { throw DMError(.invalidArgument) }
        return ControlSession(
            registry, configuration, deviceDirectory: ByteString(directory),
            workingDirectory: head.passed)
    }

    // MARK: Requests

    private struct Request {
        let number: CommandNumber
        var bytes: [UInt8]
    }

    /// Nil: the client has nothing more to ask.
    private func receive() throws(DMError) -> Request? {
        while let head = try socket.receive(ControlProtocol.requestHeadSize) {
            let size: UInt32 = head.number(at: 4)
            guard size <= DMIoctl.maximumDataSize else {
                // What follows can't be told from a request: there is no going on.
                try send(
                    ControlReply(
                        errno: .invalidArgument,
                        reason: "Invalid data size in the ioctl structure: \(size)"))
                return nil
            }
            if size <= Connection.smallRequest || MemoryReserve.allows(4 * Int(size)) {
                guard let bytes = try socket.receive(Int(size)) else { return nil }
                return Request(number: CommandNumber(rawValue: head.number(at: 0)), bytes: bytes)
            }
            guard try socket.skip(Int(size)) else { return nil }
            try send(
                ControlReply(errno: .noMemory, reason: "no memory is left for \(size) bytes"))
        }
        return nil
    }

    private func answer(
        _ request: inout Request, _ executor: CommandExecutor
    ) throws(DMError) {
        let number = request.number
        switch number.ownCommand {
        case .waitForEvent:
            try send(waitForEvent(executor.session))
        case .some(let command) where !command.hasHead:
            let own = handler(command, request.bytes)
            defer { own.afterwards?() }
            // What comes afterwards doesn't wait for a client that takes no replies.
            let patience = Deadline(millisecondsFromNow: configuration.replyMilliseconds)
            try send(own.reply, until: own.afterwards == nil ? nil : patience)
        default:
            let mayBlock = Commands.named(number)?.mayBlock ?? false
            var outcome = interruptible(mayBlock) { interrupt in
                executor.execute(number, &request.bytes, interrupt)
            }
            defer { if outcome.isSecure { outcome.reply.bytes.wipe() } }
            try send(outcome.reply, isSecure: outcome.isSecure)
        }
    }

    private func waitForEvent(_ session: ControlSession) -> ControlReply {
        interruptible(true) { interrupt in
            do throws(DMError) {
                try session.waitForEvent(registry, interrupt)
                return ControlReply(errno: nil)
            } catch {
                return ControlReply(errno: error.errno, reason: error.message)
            }
        }
    }

    /// Runs `body` with an interrupt that is raised when the client hangs up, if it may block at
    /// all.
    private func interruptible<Result>(
        _ mayBlock: Bool, _ body: (Interrupt) -> Result
    ) -> Result {
        let interrupt = Interrupt()
        guard mayBlock else { return body(interrupt) }
        return watch.watching(socket.descriptor, interrupt) { body(interrupt) }
    }

    /// A secure reply is not copied, so that one wipe is enough.
    private func send(
        _ reply: ControlReply, isSecure: Bool = false, until deadline: Deadline? = nil
    ) throws(DMError) {
        // However long it takes to read it: whoever reads slowly may have to go for another.
        guard list.waitForClient(self) else { return }
        let head = reply.encodeHead()
        if !isSecure && reply.bytes.count <= Connection.smallReply {
            try socket.send(head + reply.bytes + reply.cutReason, until: deadline)
        } else {
            try socket.send(head, until: deadline)
            try socket.send(reply.bytes, until: deadline)
            try socket.send(reply.cutReason, until: deadline)
        }
    }

    /// Up to this many bytes, the reserve of memory does: devices can be listed and removed.
    private static let smallRequest: UInt32 = 1 << 20

    /// Up to this many bytes, one system call is worth more than not copying.
    private static let smallReply = 16 << 10
}
