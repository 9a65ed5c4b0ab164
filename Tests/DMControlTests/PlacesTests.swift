import DMTestSupport
import DeviceMapper
import Foundation
import SystemPackage
import Testing

@testable import DMControl

/// Who keeps a place among the connections, and who has to go for another.
@Suite struct PlacesTests {
    private let full = Errno.resourceTemporarilyUnavailable

    @Test("clients that don't say hello keep nobody out: the oldest of them is refused")
    func silentClients() throws {
        let fixture = try ServerFixture(configure: { $0.maximumConnections = 3 })
        let silent = try (0..<3).map { _ in
            UnixSocketBox(try UnixSocket.connect(to: ByteString(fixture.path)))
        }
        try silent[1].socket.send([0x64])
        eventually("all places are taken") { fixture.server.connectionCount == 3 }
        let clients = [try fixture.client(), try fixture.client()]
        for client in clients { #expect(try client.version() == .driver) }
        for refused in silent[0...1] {
            let bytes = try refused.socket.receive(ControlProtocol.helloAnswerSize)
            #expect(try HelloAnswer(reading: #require(bytes)).errno == full)
            #expect(try refused.socket.receive(1) == nil)
        }
        // The third still may.
        try silent[2].socket.send(Hello.encode(deviceDirectory: "/dev"))
        let bytes = try silent[2].socket.receive(ControlProtocol.helloAnswerSize)
        #expect(try HelloAnswer(reading: #require(bytes)).errno == nil)
    }

    @Test("a hello has one deadline, however its bytes trickle in")
    func trickledHello() throws {
        let fixture = try ServerFixture(configure: { $0.helloMilliseconds = 300 })
        let socket = try UnixSocket.connect(to: ByteString(fixture.path))
        let hello = Hello.encode(deviceDirectory: ByteString(String(repeating: "d", count: 200)))
        var answer = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        for byte in hello where poll(&answer, 1, 20) == 0 {
            // Refused just now, if it fails.
            try? socket.send([byte])
        }
        let bytes = try #require(try socket.receive(ControlProtocol.helloAnswerSize))
        #expect(HelloAnswer(reading: bytes).errno == .timedOut)
    }

    @Test("of clients that ask nothing the one that asked last stays")
    func idleClients() throws {
        let fixture = try ServerFixture(configure: {
            $0.maximumConnections = 2
            $0.idleMilliseconds = 0
        })
        let first = try fixture.client()
        let second = try fixture.client()
        #expect(try first.version() == .driver)
        let third = try fixture.client()
        #expect(throws: DMError.self) { try second.version() }
        #expect(try first.version() == .driver)
        #expect(try third.version() == .driver)
    }

    @Test("a client whose command is under way keeps its place")
    func busyClients() throws {
        let fixture = try ServerFixture(configure: {
            $0.maximumConnections = 2
            $0.idleMilliseconds = 0
        })
        let client = try fixture.client()
        let waiter = try fixture.greetedSocket()
        try waiter.send(hex("03 fe 00 00 00 00 00 00"))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        let other = try fixture.client()
        #expect(throws: DMError.self) { try client.version() }
        _ = try other.create(name: ByteString("one"))
        let reply = try #require(try waiter.receive(ControlProtocol.replyHeadSize))
        #expect(reply.number(Int32.self, at: 0) == 0)
    }

    @Test("with all clients busy a new one is refused")
    func allBusy() throws {
        let fixture = try ServerFixture(configure: {
            $0.maximumConnections = 1
            $0.idleMilliseconds = 0
        })
        let waiter = UnixSocketBox(try fixture.greetedSocket())
        try waiter.socket.send(hex("03 fe 00 00 00 00 00 00"))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        let error = #expect(throws: DMError.self) { _ = try fixture.client() }
        #expect(error?.errno == full)
        waiter.close()
        eventually("the place is free") { (try? fixture.client()) != nil }
    }

    // MARK: Slow readers

    /// A socket on which a reply of more than two megabytes waits.
    private func largeReply(_ fixture: ServerFixture, lines: Int) throws -> UnixSocketBox {
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        try client.load(
            .name(ByteString("one")), lines: (0..<lines).map { spec(UInt64($0) * 8, 8, "zero") })
        try client.resume(.name(ByteString("one")))
        let socket = UnixSocketBox(try fixture.greetedSocket())
        try socket.socket.send(
            hex("0c fd 38 c1 00 00 40 00") + argument("one", flags: .statusTable, size: 4 << 20))
        return socket
    }

    @Test("a reply that is read in small pieces arrives whole, and holds nobody up")
    func slowReader() throws {
        let fixture = try ServerFixture()
        let box = try largeReply(fixture, lines: 50_000)
        let head = try #require(try box.socket.receive(ControlProtocol.replyHeadSize))
        #expect(head.number(Int32.self, at: 0) == 0)
        #expect(try fixture.client().version() == .driver)
        var bytes: [UInt8] = []
        while bytes.count < Int(head.number(UInt32.self, at: 4)) {
            let left = Int(head.number(UInt32.self, at: 4)) - bytes.count
            bytes += try #require(try box.socket.receive(min(left, 777)))
        }
        let reply = DMIoctl(reading: bytes)
        #expect(reply.targetCount == 50_000)
        #expect(
            try TargetSpec.decodeStatus(bytes, dataStart: reply.dataStart, count: 50_000).last?
                .start == 49_999 * 8)
    }

    @Test("a client that takes no reply has to go for another, and doesn't hold up the end")
    func absentReader() throws {
        let fixture = try ServerFixture(configure: {
            $0.maximumConnections = 1
            $0.idleMilliseconds = 0
        })
        let box = try largeReply(fixture, lines: 50_000)
        eventually("its place is given away") {
            (try? fixture.client().version()) == .driver
        }
        _ = box
        fixture.server.stop()
        #expect(fixture.server.connectionCount == 0)
    }

    @Test("the end doesn't wait for a client that takes no replies")
    func unmountWithoutReader() throws {
        let (handled, ended) = (LogRecorder(), LogRecorder())
        let fixture = try ServerFixture(
            handler: { _, _ in
                handled.append("")
                return OwnReply(errno: nil, afterwards: { ended.append("") })
            }, configure: { $0.replyMilliseconds = 100 })
        let socket = try fixture.greetedSocket()
        // Until a reply finds no room any more and the server reads no more of them.
        let request = hex("01 fe 00 00 04 00 00 00 01 00 00 00")
        // If it did wait for a reply to be taken, we would wait here for a request to be.
        let deadline = Deadline(millisecondsFromNow: patience)
        var sent = 0
        while sent < 1 << 20, (try? socket.send(request, until: deadline)) != nil { sent += 1 }
        #expect(sent < 1 << 20)
        eventually("the connection ends") { fixture.server.connectionCount == 0 }
        #expect(handled.lines.count > 1)
        #expect(ended.lines.count == handled.lines.count)
    }
}
