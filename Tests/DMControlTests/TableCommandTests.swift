import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// Load, status, dependencies, messages: by the bytes of their replies, which are Linux 6.1's.
@Suite struct TableCommandTests {
    private let fixture = ExecutorFixture()

    private func refusal(
        _ command: DMCommand, _ name: String, flags: DMFlags = [], size: Int = 16384,
        data: [UInt8] = [], targetCount: UInt32 = 0
    ) -> ControlReply {
        fixture.execute(
            command,
            argument(name, flags: flags, size: size, targetCount: targetCount, data: data))
    }

    private func load(_ lines: [TableLine]) throws {
        try fixture.run(.deviceCreate, "one")
        try fixture.load("one", lines)
        try fixture.run(.deviceSuspend, "one")
    }

    @Test("a load reports the state with INACTIVE_PRESENT")
    func load() throws {
        try fixture.run(.deviceCreate, "one")
        var data: [UInt8] = []
        TargetSpec.encodeLoad([spec(0, 8, "zero"), spec(8, 8, "error")], appendingTo: &data)
        let reply = try fixture.run(.tableLoad, "one", targetCount: 2, data: data)
        #expect(reply.bytes.count == 305)
        #expect(reply.head.flags == .inactivePresent)
        #expect(reply.head.targetCount == 0)
        let inactive = try fixture.run(.deviceStatus, "one", flags: .queryInactiveTable)
        #expect(inactive.head.flags == [.inactivePresent, .queryInactiveTable])
        #expect(inactive.head.targetCount == 2)
    }

    @Test("loads are refused for the device first, then for their count, then for their lines")
    func loadErrors() throws {
        #expect(refusal(.tableLoad, "none").errno == .noSuchAddressOrDevice)
        try fixture.run(.deviceCreate, "one")
        #expect(
            refusal(.tableLoad, "one").reason == "populate_table: no targets specified")
        #expect(refusal(.tableLoad, "one", targetCount: 1 << 20 + 1).errno == .overflow)
        // All zeros: a line of no length.
        #expect(refusal(.tableLoad, "one", targetCount: 1).errno == .invalidArgument)
        #expect(refusal(.tableLoad, "one", size: 312, targetCount: 1).errno == .invalidArgument)
    }

    @Test("a failed load leaves the earlier inactive table, clear drops it")
    func failedLoad() throws {
        try fixture.run(.deviceCreate, "one")
        try fixture.load("one", [spec(0, 8, "zero")])
        #expect(refusal(.tableLoad, "one", targetCount: 1).errno == .invalidArgument)
        #expect(try fixture.run(.deviceStatus, "one").head.flags == .inactivePresent)
        for _ in 0..<2 { #expect(try fixture.run(.tableClear, "one").head.flags == []) }
    }

    private static let zeroAndError = hex(
        """
        00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 30 00 00 00
        7a 65 72 6f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 60 00 00 00
        65 72 72 6f 72 00 00 00 00 00 00 00 00 00 00 00 00
        """)

    @Test("a status has next counted from the first record, on the last one too")
    func status() throws {
        try load([spec(0, 8, "zero"), spec(8, 8, "error")])
        for flags in [[], DMFlags.statusTable] {
            let reply = try fixture.run(.tableStatus, "one", flags: flags)
            #expect(reply.head.dataStart == 312 && reply.head.dataSize == 401)
            #expect(reply.head.targetCount == 2)
            #expect(reply.head.flags == flags.union(.activePresent))
            #expect(reply.payload == TableCommandTests.zeroAndError)
        }
    }

    @Test("bytes that the kernel doesn't write in a status stay the client's")
    func statusPadding() throws {
        try load([spec(0, 8, "zero"), spec(8, 8, "error")])
        let reply = refusal(
            .tableStatus, "one", data: [UInt8](repeating: 0xaa, count: 200))
        var expected = TableCommandTests.zeroAndError
        for offset in [39, 41, 42, 43, 44, 45, 46, 47, 48 + 39] { expected[offset] = 0xaa }
        #expect(reply.payload == expected)
    }

    @Test(
        "a buffer too small for a status gets the whole records that fit",
        arguments: [
            (305, 305, 0), (312, 305, 0), (353, 305, 0), (354, 353, 0), (359, 353, 0),
            (360, 353, 48),
            (401, 353, 48), (402, 401, 48), (407, 401, 48),
        ] as [(Int, UInt32, UInt32)])
    func statusFull(size: Int, dataSize: UInt32, firstNext: UInt32) throws {
        try load([spec(0, 8, "zero"), spec(8, 8, "error")])
        let reply = try fixture.run(.tableStatus, "one", size: size)
        #expect(reply.head.flags == [.activePresent, .bufferFull])
        #expect(reply.head.dataSize == dataSize)
        #expect(reply.head.dataStart == min(312, UInt32(size)))
        #expect(reply.head.targetCount == 2)
        if dataSize > 305 { #expect(reply.payload.number(UInt32.self, at: 20) == firstNext) }
    }

    @Test("a buffer that holds the status and its padding is enough")
    func statusFits() throws {
        try load([spec(0, 8, "zero"), spec(8, 8, "error")])
        let reply = try fixture.run(.tableStatus, "one", size: 408)
        #expect(reply.head.flags == .activePresent && reply.head.dataSize == 401)
    }

    @Test("without a table there is no payload, no dependencies, and no table's lines")
    func noTable() throws {
        try fixture.run(.deviceCreate, "one")
        try fixture.load("one", [spec(0, 8, "zero")])
        for command in [DMCommand.tableStatus, .tableDependencies] {
            let reply = try fixture.run(command, "one")
            #expect(reply.bytes.count == 305 && reply.head.flags == .inactivePresent)
            #expect(reply.head.targetCount == 0)
        }
        let inactive = try fixture.run(
            .tableStatus, "one", flags: [.queryInactiveTable, .statusTable])
        #expect(inactive.head.dataSize == 353)
        #expect(
            inactive.head.flags == [.queryInactiveTable, .statusTable, .inactivePresent])
        // A table without lower devices has a list of none.
        let dependencies = try fixture.run(
            .tableDependencies, "one", flags: .queryInactiveTable)
        #expect(dependencies.head.dataSize == 320)
    }

    @Test("dependencies are a count and numbers; what is between stays the client's")
    func dependencies() throws {
        try fixture.run(.deviceCreate, "low")
        try fixture.load("low", [spec(0, 8, "zero")])
        try load([spec(0, 8, "linear", "254:0 0")])
        let reply = refusal(
            .tableDependencies, "one", data: [UInt8](repeating: 0xaa, count: 100))
        #expect(reply.head.dataSize == 328)
        #expect(reply.payload == hex("01 00 00 00 aa aa aa aa 00 fe 00 00 00 00 00 00"))
        #expect(
            try fixture.run(.tableDependencies, "one", size: 328).head.dataSize == 328)
        let full = try fixture.run(.tableDependencies, "one", size: 327)
        #expect(full.head.flags == [.activePresent, .bufferFull] && full.bytes.count == 305)
    }

    @Test("backing files are numbers in a table, and paths where paths are asked for")
    func paths() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.file("disk", size: 8192)
        try load([spec(0, 8, "linear", "\(file) 0")])
        let request = argument("one", flags: .statusTable)
        let numbers = fixture.execute(.tableStatus, request)
        let paths = fixture.execute(CommandNumber(.tableStatusWithPaths), request)
        func text(_ reply: ControlReply) throws -> String {
            try TargetSpec.decodeStatus(reply.bytes, dataStart: 312, count: 1)[0].parameters.string
        }
        #expect(try text(numbers).hasPrefix("259:"))
        #expect(try text(paths) == "\(file) 0")
    }

    @Test("WAIT returns at once for another event number, with the table's status")
    func waitReturns() throws {
        try load([spec(0, 8, "zero")])
        var bytes = argument("one")
        bytes.set(UInt32(7), at: 32)
        let reply = fixture.execute(.deviceWait, bytes)
        #expect(reply.errno == nil)
        #expect(reply.head.eventNumber == 0 && reply.head.dataSize == 353)
    }

    @Test("WAIT ends with EINTR when its interrupt is raised")
    func waitInterrupted() throws {
        try load([spec(0, 8, "zero")])
        let interrupt = Interrupt()
        interrupt.raise()
        let reply = fixture.execute(CommandNumber(.deviceWait), argument("one"), interrupt)
        #expect(reply.errno == .interrupted)
    }

    // MARK: Messages

    private func message(_ text: String, sector: UInt64 = 0, _ name: String = "one") -> ControlReply
    {
        var data: [UInt8] = []
        data.append(number: sector)
        data += Array(text.utf8) + [0]
        return refusal(.targetMessage, name, data: data)
    }

    @Test(
        "messages are refused in the kernel's words",
        arguments: [
            ("hello", 0, "Target type does not support messages"),
            ("", 0, "Empty message received."),
            ("   ", 0, "Empty message received."),
            ("x", 100, "Target message sector outside device."),
            ("@bad", 0, "Unsupported message sent to DM core: @bad"),
            ("@Cancel_Deferred_Remove x", 0, "Invalid arguments for @cancel_deferred_remove"),
        ] as [(String, UInt64, String)])
    func messages(text: String, sector: UInt64, reason: String) throws {
        try load([spec(0, 8, "zero")])
        let reply = message(text, sector: sector)
        #expect(reply.errno == .invalidArgument)
        #expect(reply.reason == reason)
    }

    @Test("a message to the device itself is answered with its state")
    func coreMessage() throws {
        try load([spec(0, 8, "zero")])
        let reply = message("@cancel_deferred_remove")
        #expect(reply.errno == nil)
        #expect(reply.bytes.count == 305 && reply.head.flags == .activePresent)
    }

    @Test("a message must lie behind the head, with a NUL, and have a device with a table")
    func messageBounds() throws {
        #expect(message("x").errno == .noSuchAddressOrDevice)
        try fixture.run(.deviceCreate, "one")
        #expect(message("x").errno == .invalidArgument)
        for (start, size) in [
            (300, 400), (312, 312), (312, 319), (312, 320), (395, 400), (.max, 400),
        ]
            as [(UInt32, Int)]
        {
            var bytes = argument("one", size: size)
            bytes.set(start, at: 16)
            let reply = fixture.execute(.targetMessage, bytes)
            #expect(reply.errno == .invalidArgument)
            #expect(reply.reason == "Invalid target message parameters.")
        }
    }

    @Test("a target's answer comes behind the head, or BUFFER_FULL says that it doesn't fit")
    func answers() throws {
        let fixture = ExecutorFixture(moreTargetTypes: TestTargets.all)
        let directory = try TemporaryDirectory()
        let data = try directory.file("data", size: 4096)
        let metadata = try directory.file("metadata", size: 4096)
        try fixture.run(.deviceCreate, "one")
        try fixture.load(
            "one",
            [
                TableLine(
                    start: 0, length: 8, targetType: "counting",
                    parameters: ByteString("\(data) 0 \(metadata)"))
            ])
        try fixture.run(.deviceSuspend, "one")
        var words: [UInt8] = []
        words.append(number: 0)
        words += Array("count".utf8) + [0]
        let reply = fixture.execute(.targetMessage, argument("one", data: words))
        #expect(reply.errno == nil && reply.head.flags.contains(.dataOut))
        #expect(!reply.head.flags.contains(.bufferFull))
        let start = Int(reply.head.dataStart)
        #expect(Array(reply.bytes[start...]) == Array("0".utf8) + [0])
        // The words fit, and an answer as long as that of `long` does not.
        words = []
        words.append(number: 0)
        words += Array("long".utf8) + [0]
        let full = fixture.execute(
            .targetMessage, argument("one", size: DMIoctl.size + words.count, data: words))
        #expect(full.errno == nil && full.head.flags.isSuperset(of: [.dataOut, .bufferFull]))
    }
}
