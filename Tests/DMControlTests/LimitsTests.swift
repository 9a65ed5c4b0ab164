import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// dmfuse's own LIMITS.
@Suite struct LimitsTests {
    private static let number = CommandNumber(DMFuseCommand.limits)
    private let fixture = ExecutorFixture()

    @Test("a device with a table has a record, live or not")
    func answers() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.file("f", size: 1 << 20)
        try fixture.run(.deviceCreate, "d")
        try fixture.load("d", [spec(0, 72, "striped", "3 8 \(file) 0 \(file) 100 \(file) 200")])
        for _ in 0..<2 {
            let reply = fixture.execute(Self.number, argument("d"))
            #expect(reply.errno == nil)
            #expect(reply.head.name == ByteString("d"))
            #expect(reply.bytes.count == DMIoctl.size + QueueLimits.recordSize)
            let limits = try #require(
                try LimitsRecord.decode(reply.bytes, dataStart: reply.head.dataStart))
            #expect(limits.logicalBlockSize == 512)
            #expect(limits.minimumIO == 4096 && limits.optimalIO == 12288)
            #expect(limits.takesDiscards)
            try fixture.run(.deviceSuspend, "d")
        }
        try fixture.run(.deviceRemove, "d")
    }

    @Test("a device that never had a table has none; no device is ENXIO")
    func none() throws {
        try fixture.run(.deviceCreate, "d")
        let reply = fixture.execute(Self.number, argument("d"))
        #expect(reply.errno == nil)
        #expect(reply.bytes.count == DMIoctl.dataOffset)
        #expect(try LimitsRecord.decode(reply.bytes, dataStart: 312) == nil)
        #expect(
            fixture.execute(Self.number, argument("nosuch")).errno == .noSuchAddressOrDevice)
    }

    @Test("BUFFER_FULL says that there was no room")
    func room() throws {
        try fixture.run(.deviceCreate, "d")
        try fixture.load("d", [spec(0, 8, "zero")])
        let needed = DMIoctl.size + QueueLimits.recordSize
        let short = fixture.execute(Self.number, argument("d", size: needed - 1))
        #expect(short.errno == nil)
        #expect(short.head.flags.contains(.bufferFull))
        #expect(short.bytes.count == DMIoctl.dataOffset)
        let whole = fixture.execute(Self.number, argument("d", size: needed))
        #expect(!whole.head.flags.contains(.bufferFull))
        #expect(whole.bytes.count == needed)
    }

    @Test("a client is told over the socket")
    func overSocket() throws {
        let server = try ServerFixture()
        let client = try server.client()
        let device = DeviceReference.name(ByteString("d"))
        _ = try client.create(name: ByteString("d"))
        #expect(try client.limits(device).1 == nil)
        _ = try client.load(device, lines: [spec(0, 8, "zero")])
        let (status, limits) = try client.limits(device)
        #expect(status.name == ByteString("d"))
        #expect(limits?.takesDiscards == false && limits?.maximumSectors == .max)
        try server.registry.beginShutdown(force: true)
        server.registry.finishShutdown()
    }

    @Test("a record that is cut is refused")
    func cut() throws {
        var bytes = [UInt8](repeating: 0, count: 400)
        LimitsRecord.write(.ofLoop(discardGranularity: 4096), into: &bytes, at: 312)
        #expect(
            try LimitsRecord.decode(bytes, dataStart: 312) == .ofLoop(discardGranularity: 4096))
        for cut in [Array(bytes[..<375]), Array(bytes[..<313])] {
            #expect(throws: DMError.self) { try LimitsRecord.decode(cut, dataStart: 312) }
        }
        bytes[312] = 63
        #expect(throws: DMError.self) { try LimitsRecord.decode(bytes, dataStart: 312) }
        #expect(throws: DMError.self) { try LimitsRecord.decode(bytes, dataStart: 400 - 8) }
    }
}
