import DeviceMapper
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import DMControl

@Suite struct ServerTests {
    // MARK: Who may connect

    @Test(
        "the owner and root may connect, others get EACCES",
        arguments: [
            (0, true), (4711, true), (4712, false), (nil, false),
        ] as [(UInt32?, Bool)])
    func peers(user: UInt32?, admitted: Bool) throws {
        let fixture = try ServerFixture(configure: {
            $0.owner = 4711
            $0.peerUser = { _ in user }
        })
        if admitted {
            #expect(try fixture.client().mappedMajor == 254)
        } else {
            let error = #expect(throws: DMError.self) { _ = try fixture.client() }
            #expect(error?.errno == .permissionDenied)
        }
    }

    @Test("the kernel says who the peer is")
    func peerCredentials() throws {
        let pair = try UnixSocket.pair()
        #expect(UnixSocket.peerUser(pair.near.descriptor) == getuid())
        #expect(UnixSocket.peerUser(-1) == nil)
    }

    @Test(
        "the number that all users share whom a namespace doesn't know is nobody's",
        arguments: [
            (65534, "", false), (65534, "         0       1000          1\n", false),
            (65534, "0 1000 1\n65534 165534 1\n", true), (65534, "65535 0 10\n", false),
            (65534, "0 0 4294967295\n", true), (0, "", true), (4711, "", true),
        ] as [(UInt32, String, Bool)])
    func unknownUsers(user: UInt32, map: String, isCertain: Bool) {
        #expect(UnixSocket.isCertain(user, map: Array(map.utf8)) == isCertain)
    }

    @Test("the socket is its owner's alone, from the beginning")
    func mode() throws {
        let fixture = try ServerFixture()
        var status = stat()
        #expect(lstat(fixture.path, &status) == 0)
        #expect(status.st_mode == S_IFSOCK | 0o600)
    }

    @Test("one connection too many is refused with EAGAIN, and is welcome later")
    func tooMany() throws {
        let fixture = try ServerFixture(configure: { $0.maximumConnections = 2 })
        var clients = [try fixture.client(), try fixture.client()]
        let error = #expect(throws: DMError.self) { _ = try fixture.client() }
        #expect(error?.errno == .resourceTemporarilyUnavailable)
        clients.removeLast()
        eventually("a place is free") { (try? fixture.client()) != nil }
        #expect(try clients[0].version() == .driver)
    }

    // MARK: Hello

    @Test("a hello that is none is refused with EPROTO, one of another version with ours")
    func badHello() throws {
        let fixture = try ServerFixture()
        func answer(_ hello: [UInt8]) throws -> HelloAnswer {
            let socket = try UnixSocket.connect(to: ByteString(fixture.path))
            try socket.send(hello)
            let bytes = try #require(try socket.receive(ControlProtocol.helloAnswerSize))
            #expect(try socket.receive(1) == nil)
            return HelloAnswer(reading: bytes)
        }
        #expect(try answer([UInt8](repeating: 0x47, count: 16)).errno == .protocolError)
        var newer = Hello.encode(deviceDirectory: "")
        newer.set(UInt32(2), at: 8)
        #expect(try answer(newer).errno == .protocolNotSupported)
        #expect(try answer(newer).version == 1)
        var long = Hello.encode(deviceDirectory: "")
        long.set(UInt32.max, at: 12)
        #expect(try answer(long).errno == .fileNameTooLong)
        #expect(try answer(Hello.encode(deviceDirectory: "/d\u{0}")).errno == .invalidArgument)
    }

    @Test("the bytes of a hello and its answer")
    func helloBytes() throws {
        #expect(
            Hello.encode(deviceDirectory: "/dev")
                == hex("64 6d 66 75 73 65 00 01 01 00 00 00 04 00 00 00 2f 64 65 76"))
        #expect(
            HelloAnswer(errno: .permissionDenied, mappedMajor: 0).encode()
                == hex("0d 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00"))
    }

    @Test("a working directory that is none is ENOTDIR")
    func workingDirectory() throws {
        let fixture = try ServerFixture()
        let socket = try UnixSocket.connect(to: ByteString(fixture.path))
        let null = open("/dev/null", O_RDONLY)
        defer { close(null) }
        try socket.send(Hello.encode(deviceDirectory: "/dev"), passing: null)
        let bytes = try #require(try socket.receive(ControlProtocol.helloAnswerSize))
        #expect(HelloAnswer(reading: bytes).errno == .notDirectory)
    }

    @Test("relative paths in tables are resolved in the client's working directory")
    func relativePath() throws {
        let fixture = try ServerFixture()
        _ = try fixture.directory.file("disk", size: 8192)
        let socket = try UnixSocket.connect(to: ByteString(fixture.path))
        let directory = open(fixture.directory.path, OpenFlags.path | O_DIRECTORY)
        try socket.send(Hello.encode(deviceDirectory: "/dev"), passing: directory)
        close(directory)
        _ = try socket.receive(ControlProtocol.helloAnswerSize)
        let device = try fixture.client()
        _ = try device.create(name: ByteString("one"))
        var head = DMIoctl()
        head.name = ByteString("one")
        head.targetCount = 1
        var request = head.request(size: DMIoctl.size)
        TargetSpec.encodeLoad([spec(0, 16, "linear", "disk 0")], appendingTo: &request)
        request.set(UInt32(request.count), at: 12)
        var frame: [UInt8] = []
        frame.append(number: CommandNumber(DMCommand.tableLoad).rawValue)
        frame.append(number: UInt32(request.count))
        try socket.send(frame + request)
        let reply = try #require(try socket.receive(ControlProtocol.replyHeadSize))
        #expect(reply.number(Int32.self, at: 0) == 0)
        let (_, lines) = try device.table(.name(ByteString("one")), inactive: true, paths: true)
        #expect(lines[0].parameters.string.hasSuffix("/disk 0"))
    }

    @Test("paths of sockets over 107 bytes work, to listen and to connect")
    func longPath() throws {
        let directory = try TemporaryDirectory(named: "/" + String(repeating: "d", count: 120))
        let fixture = try ServerFixture(directory: directory)
        #expect(fixture.path.utf8.count > 107)
        #expect(try fixture.client().version() == .driver)
    }

    @Test("a client finds the socket through a symbolic link, as a mount has it")
    func link() throws {
        let fixture = try ServerFixture()
        let mount = "\(fixture.directory.path)/m"
        try FileManager.default.createDirectory(
            atPath: "\(mount)/mapper", withIntermediateDirectories: true)
        symlink(fixture.path, "\(mount)/mapper/control")
        let client = try ControlClient(
            mount: ByteString(mount), deviceDirectory: ByteString(mount))
        #expect(try client.version() == .driver)
    }

    // MARK: Garbage

    @Test("a request bigger than any ioctl is EINVAL, and the connection ends")
    func hugeRequest() throws {
        let fixture = try ServerFixture()
        let socket = try fixture.greetedSocket()
        try socket.send(hex("0a fd 38 c1 ff ff ff ff"))
        let head = try #require(try socket.receive(ControlProtocol.replyHeadSize))
        #expect(head.number(Int32.self, at: 0) == Errno.invalidArgument.rawValue)
        _ = try socket.receive(Int(head.number(UInt32.self, at: 8)))
        #expect(try socket.receive(1) == nil)
    }

    @Test("clients that die anywhere in their request leave nothing behind")
    func deadClients() throws {
        let fixture = try ServerFixture()
        let request = hex("09 fd 38 c1 00 00 00 40") + argument("one")
        let hello = Hello.encode(deviceDirectory: "/dev")
        for count in [0, 1, 8, 15, 16, hello.count] {
            try UnixSocket.connect(to: ByteString(fixture.path)).send(Array(hello[..<count]))
        }
        for count in [1, 4, 7, 8, 9, 313, request.count] {
            try fixture.greetedSocket().send(Array(request[..<count]))
        }
        eventually("all connections end") { fixture.server.connectionCount == 0 }
        #expect(try fixture.client().version() == .driver)
    }

    @Test("a claimed gigabyte takes only the memory of what arrives")
    func lyingSize() throws {
        let fixture = try ServerFixture()
        func residentPages() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            return try #require(Int(text.split(separator: " ")[1]))
        }
        let before = try residentPages()
        let sockets = try (0..<8).map { _ in
            let socket = UnixSocketBox(try fixture.greetedSocket())
            try socket.socket.send(
                hex("09 fd 38 c1 00 00 00 40") + [UInt8](repeating: 1, count: 100_000))
            return socket
        }
        eventually("the bytes have been taken") { sockets.allSatisfy(\.isDrained) }
        #expect(try residentPages() - before < (64 << 20) / 4096)
    }

    @Test("random bytes never end the server", arguments: 0..<30)
    func randomBytes(seed: Int) throws {
        let fixture = try ServerFixture()
        var state = UInt64(seed &* 31 &+ 1)
        let bytes = (0..<4096).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 40)
        }
        let socket = try fixture.greetedSocket()
        // The server may close in the middle of it.
        try? socket.send(bytes)
        #expect(try fixture.client().version() == .driver)
    }

    @Test("requests of unknown type are ENOTTY, with a reply as long as it says")
    func unknownType() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        for number: UInt32 in [0, 0xfc03, 0xfd12, 0xfe00, 0xfe7f, .max] {
            let reply = try client.call(CommandNumber(rawValue: number), argument("x"))
            #expect(reply.errno == .inappropriateIOCTLForDevice, "\(number)")
        }
        #expect(try client.version() == .driver)
    }

    @Test("what the kernel logs is logged: reasons, and devices that remove_all left")
    func logs() throws {
        let log = LogRecorder()
        let fixture = try ServerFixture(configure: { $0.log = log.append })
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        #expect(throws: DMError.self) {
            try client.load(.name(ByteString("one")), lines: [spec(0, 8, "nosuch")])
        }
        // A refusal of which the kernel says nothing.
        #expect(throws: DMError.self) { try client.info(.name(ByteString("two"))) }
        let handle = try fixture.registry.open(minor: 0, generation: 1)
        try client.removeAll()
        handle.close()
        #expect(
            log.lines == ["nosuch: unknown target type", "remove_all left 1 open device(s)"])
    }

    // MARK: Interrupts

    @Test("a client that dies while it waits for an event ends its wait")
    func deathInWait() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        let socket = UnixSocketBox(try fixture.greetedSocket())
        try socket.socket.send(hex("08 fd 38 c1 00 40 00 00") + argument("one"))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        socket.close()
        eventually("only the first client is left") { fixture.server.connectionCount == 1 }
        #expect(fixture.server.watchedCount == 0)
        #expect(try client.info(.name(ByteString("one"))).eventNumber == 0)
    }

    @Test("a client that only stops sending still gets its reply")
    func halfClosed() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        try client.load(.name(ByteString("one")), lines: [spec(0, 8, "zero")])
        try client.resume(.name(ByteString("one")))
        let socket = try fixture.greetedSocket()
        try socket.send(hex("08 fd 38 c1 00 40 00 00") + argument("one"))
        shutdown(socket.descriptor, CInt(SHUT_WR))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        // An event that leaves the name: the wait may only now look for its device.
        try client.setUUID(ByteString("one"), to: ByteString("U"))
        let head = try #require(try socket.receive(ControlProtocol.replyHeadSize))
        #expect(head.number(Int32.self, at: 0) == 0)
    }

    @Test("a client that dies while its suspend waits for I/O leaves the device running")
    func deathInSuspend() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        let (low, up) = (ByteString("low"), ByteString("up"))
        for (name, line) in [(low, spec(0, 8, "zero")), (up, spec(0, 8, "linear", "254:0 0"))] {
            _ = try client.create(name: name)
            try client.load(.name(name), lines: [line])
            try client.resume(.name(name))
        }
        try client.suspend(.name(low))
        // A read of the upper device is held by the suspended lower one.
        let disk = try #require(fixture.registry.disk(named: up))
        let handle = try fixture.registry.open(
            minor: disk.number.minor, generation: disk.generation)
        let isDone = Flag()
        let read = IORequest { _ in isDone.set() }
        read.prepareRead(offset: 0, length: 4096)
        handle.submit(read)

        let socket = UnixSocketBox(try fixture.greetedSocket())
        try socket.socket.send(
            hex("06 fd 38 c1 31 01 00 00") + argument("up", flags: .suspend, size: 305))
        eventually("the suspend is watched") { fixture.server.watchedCount == 1 }
        #expect(!isDone.isSet)
        socket.close()
        eventually("only the first client is left") { fixture.server.connectionCount == 1 }
        #expect(try !client.info(.name(up)).isSuspended)

        try client.resume(.name(low))
        eventually("the read is answered") { isDone.isSet }
        handle.close()
    }

    @Test("an event since ARM_POLL is told, and one before is not")
    func waitForEvent() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        let reply = try client.call(CommandNumber(.waitForEvent), [])
        #expect(reply.errno == nil)
        _ = try client.call(CommandNumber(.deviceArmPoll), DMIoctl().request(size: 305))
        let ended = Flag()
        let waiter = UnixSocketBox(try fixture.greetedSocket())
        try waiter.socket.send(hex("03 fe 00 00 00 00 00 00"))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        try Thread.start("waiter") {
            _ = try? waiter.socket.receive(ControlProtocol.replyHeadSize)
            ended.set()
        }
        #expect(!ended.isSet)
        try client.rename(ByteString("one"), to: ByteString("two"))
        eventually("the wait ends") { ended.isSet }
    }

    // MARK: Own requests, and the end

    @Test("unmount goes to the handler; what follows it runs after the reply")
    func unmount() throws {
        let forced = Flag()
        let ended = Flag()
        let fixture = try ServerFixture(handler: { command, argument in
            guard command == .unmount, argument.count == 4 else {
                return OwnReply(errno: .invalidArgument)
            }
            guard argument[0] == 1 else {
                return OwnReply(errno: .resourceBusy, reason: "in use: one")
            }
            forced.set()
            return OwnReply(errno: nil, afterwards: { ended.set() })
        })
        let client = try fixture.client()
        let error = #expect(throws: DMError.self) { try client.unmount(force: false) }
        #expect(error == DMError(.resourceBusy, "in use: one"))
        #expect(!forced.isSet)
        try client.unmount(force: true)
        #expect(forced.isSet)
        eventually("what follows has run") { ended.isSet }
    }

    @Test("stop ends waits, closes connections and removes the socket")
    func stop() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        _ = try client.create(name: ByteString("one"))
        let socket = try fixture.greetedSocket()
        try socket.send(hex("08 fd 38 c1 00 40 00 00") + argument("one"))
        eventually("the wait is watched") { fixture.server.watchedCount == 1 }
        fixture.server.stop()
        #expect(fixture.server.connectionCount == 0)
        #expect(throws: DMError.self) { try client.version() }
        let error = #expect(throws: DMError.self) { _ = try fixture.client() }
        #expect(error?.errno == .noSuchFileOrDirectory)
    }

    @Test("the socket of a dead daemon is replaced, that of a living one is EADDRINUSE")
    func staleSocket() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/control"
        _ = try UnixSocket.listen(at: ByteString(path))
        let fixture = try ServerFixture(directory: directory)
        #expect(try fixture.client().version() == .driver)
        let error = #expect(throws: DMError.self) { _ = try ServerFixture(directory: directory) }
        #expect(error?.errno == .addressInUse)
        #expect(try fixture.client().version() == .driver)
    }
}

/// A socket that can be closed before its owner goes.
final class UnixSocketBox: @unchecked Sendable {
    let socket: UnixSocket

    init(_ socket: consuming UnixSocket) { self.socket = socket }

    /// As the death of a process does.
    func close() { socket.shutdown() }

    /// The peer has taken all that was sent.
    var isDrained: Bool {
        var queued: CInt = 0
        return ioctl(socket.descriptor, UInt(0x5411), &queued) == 0 && queued == 0
    }
}

final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
