import DMTestSupport
import DeviceMapper
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import DMControl

/// What a client makes of a server that is none, or another's.
@Suite struct ForeignServerTests {
    /// A listening socket whose one client is served as a test likes.
    private final class Server: Sendable {
        let directory: TemporaryDirectory
        let path: String
        private let listener: UnixSocket
        private let taken = Mutex<[UInt8]>([])
        private let isOver = Flag()

        init(backlog: CInt = 16) throws {
            directory = try TemporaryDirectory()
            path = "\(directory.path)/control"
            listener = try UnixSocket.listen(at: ByteString(path), backlog: backlog)
        }

        /// Answers a hello, and one request with `reply`.
        func serve(reply: [UInt8]) throws {
            try Thread.start("server") { [self] in
                defer { isOver.set() }
                guard let socket = try? listener.accept() else { return }
                let size = ControlProtocol.helloHeadSize + 4
                guard (try? socket.receive(size)) != nil else { return }
                try? socket.send(HelloAnswer(mappedMajor: 254).encode())
                guard let head = try? socket.receive(ControlProtocol.requestHeadSize)
                else { return }
                _ = try? socket.receive(Int(head.number(UInt32.self, at: 4)))
                try? socket.send(reply)
            }
        }

        /// Takes all that a client sends until it goes.
        func listen() throws {
            try Thread.start("listener") { [self] in
                defer { isOver.set() }
                guard let socket = try? listener.accept() else { return }
                while let byte = try? socket.receive(1) { taken.withLock { $0 += byte } }
            }
        }

        /// What it took from its client, which is gone.
        var bytes: [UInt8] {
            eventually("the client is gone") { isOver.isSet }
            return taken.withLock { $0 }
        }
    }

    // MARK: Whose it is

    @Test("a server of another user is told nothing", arguments: [4711, nil] as [UInt32?])
    func anotherUser(user: UInt32?) throws {
        let server = try Server()
        try server.listen()
        let error = #expect(throws: DMError.self) {
            _ = try ControlClient(
                socket: ByteString(server.path), deviceDirectory: "/dev", serverUser: { _ in user })
        }
        #expect(error?.errno == .permissionDenied)
        #expect(server.bytes == [])
    }

    @Test("a server of the same user, or of root, is talked to", arguments: [geteuid(), 0])
    func trusted(user: UInt32) throws {
        let fixture = try ServerFixture()
        let client = try ControlClient(
            socket: ByteString(fixture.path), deviceDirectory: "/dev", serverUser: { _ in user })
        #expect(try client.version() == .driver)
    }

    // MARK: No answer

    @Test("a server that doesn't answer is ETIMEDOUT")
    func silence() throws {
        let server = try Server()
        let error = #expect(throws: DMError.self) {
            _ = try ControlClient(
                socket: ByteString(server.path), deviceDirectory: "/dev", milliseconds: 100)
        }
        #expect(error?.errno == .timedOut)
    }

    @Test("a server whose queue of connections is full is ETIMEDOUT, and alive")
    func fullQueue() throws {
        let server = try Server(backlog: 0)
        var queued: [UnixSocketBox] = []
        while queued.count < 16,
            let socket = try? UnixSocket.connect(to: ByteString(server.path), milliseconds: 0)
        {
            queued.append(UnixSocketBox(socket))
        }
        #expect(queued.count < 16)
        let error = #expect(throws: DMError.self) {
            _ = try ControlClient(
                socket: ByteString(server.path), deviceDirectory: "/dev", milliseconds: 100)
        }
        #expect(error?.errno == .timedOut)
        ControlServer.removeDeadSocket(ByteString(server.path))
        #expect(FileManager.default.fileExists(atPath: server.path))
        let refused = #expect(throws: DMError.self) {
            _ = try UnixSocket.listen(at: ByteString(server.path))
        }
        #expect(refused?.errno == .addressInUse)
    }

    @Test("a path that leads nowhere is said at once")
    func noSocket() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: DMError.self) {
            _ = try ControlClient(
                socket: "\(directory.path)/control", deviceDirectory: "/dev",
                milliseconds: .max)
        }
        #expect(error?.errno == .noSuchFileOrDirectory)
    }

    // MARK: Replies

    private static func reply(_ errno: Int32, _ size: UInt32, _ reason: UInt32, _ bytes: Int)
        -> [UInt8]
    {
        var reply: [UInt8] = []
        reply.append(number: errno)
        reply.append(number: size)
        reply.append(number: reason)
        reply.append(number: UInt32(0))
        return reply + [UInt8](repeating: 0, count: bytes)
    }

    @Test(
        "replies of a wrong length are refused, before memory is taken for them",
        arguments: [
            // Longer than the argument.
            (reply(0, 306, 0, 306), .protocolError), (reply(0, .max, 0, 0), .protocolError),
            (reply(0, 0, .max, 0), .protocolError), (reply(-22, 0, 0, 0), .protocolError),
            // Shorter than a head, or than it says.
            (reply(0, 304, 0, 304), .protocolError), (reply(0, 0, 0, 0), .protocolError),
            (reply(0, 305, 0, 304), .connectionReset), (reply(0, 305, 9, 305), .connectionReset),
            (Array(reply(0, 0, 0, 0)[..<15]), .connectionReset), ([], .connectionReset),
        ] as [([UInt8], Errno)])
    func wrongLength(reply: [UInt8], errno: Errno) throws {
        let server = try Server()
        try server.serve(reply: reply)
        let client = try ControlClient(socket: ByteString(server.path), deviceDirectory: "/dev")
        let error = #expect(throws: DMError.self) { try client.info(.name(ByteString("one"))) }
        #expect(error?.errno == errno)
        #expect(server.bytes == [])
    }
}
