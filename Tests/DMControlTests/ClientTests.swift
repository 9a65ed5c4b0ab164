import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// The typed calls, end to end over a socket.
@Suite struct ClientTests {
    private let one = DeviceReference.name(ByteString("one"))

    @Test("a device's life")
    func life() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        let created = try client.create(name: ByteString("one"), uuid: ByteString("U1"))
        #expect(created.number == DeviceNumber(major: 254, minor: 0))
        #expect(created.flags == [])
        let file = try fixture.directory.file("disk", size: 1 << 20)
        try client.load(one, lines: [spec(0, 8, "linear", "\(file) 8"), spec(8, 8, "error")])
        #expect(try client.info(one).hasInactiveTable)
        #expect(try client.resume(one).hasLiveTable)
        let (status, lines) = try client.table(one)
        #expect(status.targetCount == 2)
        #expect(lines.map(\.targetType) == [ByteString("linear"), ByteString("error")])
        let (_, devices) = try client.dependencies(one)
        #expect(devices?.map(\.major) == [259])
        #expect(lines[0].parameters == ByteString("\(devices?[0].description ?? "") 8"))
        #expect(try client.table(one, paths: true).1[0].parameters == ByteString("\(file) 8"))
        #expect(try client.status(one).1[0].parameters.isEmpty)

        #expect(try client.suspend(one, noflush: true, skipLockFS: true).isSuspended)
        #expect(try !client.resume(one).isSuspended)
        try client.rename(ByteString("one"), to: ByteString("two"))
        let byUUID = DeviceReference.uuid(ByteString("U1"))
        #expect(try client.info(byUUID).name == ByteString("two"))
        #expect(try client.info(.number(created.number)).eventNumber == 1)
        #expect(try client.wait(byUUID, eventNumber: 0).0.eventNumber == 1)
        #expect(try client.list().map(\.eventNumber) == [1])
        _ = try client.remove(byUUID)
        #expect(try client.list() == [])
    }

    @Test("a table fed back as it was printed, with numbers, loads again")
    func feedBack() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        let file = try fixture.directory.file("disk", size: 1 << 20)
        _ = try client.create(name: ByteString("one"))
        try client.load(one, lines: [spec(0, 8, "linear", "\(file) 8")], readOnly: true)
        #expect(try client.resume(one).isReadOnly)
        let (_, lines) = try client.table(one)
        try client.load(one, lines: lines)
        #expect(try client.table(one, inactive: true).1 == lines)
        #expect(try !client.resume(one).isReadOnly)
    }

    @Test(
        "a reason is one line, of characters that only print, whoever sends it",
        arguments: ["a\nb", "\u{600}%n\u{1b}[2J", "\u{9b}m\u{202e}"])
    func printableReason(text: String) throws {
        let sent = ControlReply(errno: .ioError, reason: text).cutReason
        #expect(sent == Printable.bytes(text.utf8) && !sent.contains(0x0a))
        // A server that is none of ours.
        let directory = try TemporaryDirectory()
        let path = ByteString("\(directory.path)/s")
        let listener = try UnixSocket.listen(at: path)
        let bytes = Array(text.utf8) + [0xff]
        try Thread.start("test-server") {
            guard let socket = try? listener.accept() else { return }
            var head: [UInt8] = []
            head.append(number: Errno.ioError.rawValue)
            for number in [0, UInt32(bytes.count), 0] { head.append(number: number) }
            _ = try? socket.receive(ControlProtocol.helloHeadSize + 4)
            try? socket.send(HelloAnswer(mappedMajor: 254).encode())
            _ = try? socket.receive(ControlProtocol.requestHeadSize)
            try? socket.send(head + bytes)
            socket.shutdown()
        }
        let client = try ControlClient(socket: path, deviceDirectory: "/dev")
        let reply = try client.call(CommandNumber(.version), [])
        #expect(Array(reply.reason.utf8) == Printable.bytes(bytes))
    }

    @Test("a refusal is thrown with the kernel's errno and the reason")
    func refusal() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        #expect(throws: DMError(.noSuchAddressOrDevice)) { try client.info(self.one) }
        _ = try client.create(name: ByteString("one"))
        #expect(throws: DMError(.invalidArgument, "nosuch: unknown target type")) {
            try client.load(self.one, lines: [spec(0, 8, "nosuch")])
        }
        #expect(throws: DMError.self) { try client.load(self.one, lines: []) }
        #expect(throws: DMError.self) {
            try client.create(name: ByteString(String(repeating: "n", count: 128)))
        }
        #expect(try !client.info(one).hasInactiveTable)
    }

    @Test("buffers grow until replies fit: 1000 devices, 2000 lines")
    func growing() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        for index in 0..<1000 { _ = try client.create(name: ByteString("device-\(index)")) }
        #expect(try client.list().count == 1000)
        #expect(try client.list(namePrefix: ByteString("device-99")).count == 11)
        let device = DeviceReference.name(ByteString("device-0"))
        let lines = (0..<2000).map { spec(UInt64($0) * 8, 8, $0 % 2 == 0 ? "zero" : "error") }
        try client.load(device, lines: lines)
        #expect(try client.table(device, inactive: true).1 == lines)
        try client.removeAll()
        #expect(try client.list() == [])
    }

    @Test("a table of 100,000 lines over one file loads and comes back")
    func longTable() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        let file = try fixture.directory.file("disk", size: 1 << 20)
        let lines = (0..<100_000).map {
            spec(UInt64($0) * 8, 8, "linear", "\(file) \($0 % 255 * 8)")
        }
        _ = try client.create(name: ByteString("one"))
        try client.load(one, lines: lines)
        try client.resume(one)
        let (status, printed) = try client.table(one, paths: true)
        #expect(status.targetCount == 100_000)
        #expect(printed == lines)
    }

    @Test("targets, versions, geometry-less messages")
    func targets() throws {
        let fixture = try ServerFixture()
        let client = try fixture.client()
        #expect(try client.version() == InterfaceVersion(4, 47, 0))
        #expect(
            try client.targets().map { "\($0.name.string) \($0.version)" }
                == ["delay 1.3.0", "zero 1.1.0", "striped 1.6.0", "linear 1.4.0", "error 1.5.0"])
        #expect(try client.target(ByteString("linear"))?.version == InterfaceVersion(1, 4, 0))
        _ = try client.create(name: ByteString("one"))
        let (_, answer) = try client.message(
            one, sector: 0, ByteString("@cancel_deferred_remove"))
        #expect(answer == nil)
    }

    @Test("many clients at once each get their own replies")
    func manyClients() throws {
        let fixture = try ServerFixture()
        let done = (0..<16).map { _ in Flag() }
        for (index, flag) in done.enumerated() {
            try Thread.start("client") {
                guard let client = try? fixture.client() else { return }
                for round in 0..<50 {
                    let name = ByteString("c\(index)-\(round)")
                    guard (try? client.create(name: name))?.name == name,
                        (try? client.info(.name(name)))?.name == name,
                        (try? client.remove(.name(name))) != nil
                    else { return }
                }
                flag.set()
            }
        }
        eventually("all clients are through") { done.allSatisfy(\.isSet) }
        #expect(try fixture.client().list() == [])
    }
}
