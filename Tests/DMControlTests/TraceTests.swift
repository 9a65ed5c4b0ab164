import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// dmfuse's own TRACE.
@Suite struct TraceTests {
    private static let number = CommandNumber(DMFuseCommand.trace)

    private static func fixture(_ trace: LifecycleTrace?) throws -> ExecutorFixture {
        let fixture = ExecutorFixture(trace: trace)
        for name in ["one", "two"] { try fixture.run(.deviceCreate, name) }
        try fixture.load("one", [spec(0, 8, "zero")])
        return fixture
    }

    @Test("without a trace it is refused, and says how to get one")
    func needsTrace() throws {
        let reply = try Self.fixture(nil).execute(Self.number, argument())
        #expect(reply.errno == .notSupported)
        #expect(
            reply.reason == "lifecycle events are not traced: mount with --trace lifecycle")
    }

    @Test("the records come whole, or BUFFER_FULL says how many there are")
    func answers() throws {
        let trace = LifecycleTrace()
        let fixture = try Self.fixture(trace)
        let (records, _) = trace.snapshot()
        // Nine events of each device, two of the table.
        #expect(records.count == 20)
        let needed =
            DMIoctl.size + LifecycleListing.headSize + 20 * LifecycleListing.recordSize

        let short = fixture.execute(Self.number, argument(size: needed - 1))
        #expect(short.errno == nil)
        #expect(short.head.flags.contains(.bufferFull))
        #expect(short.head.targetCount == 20)
        #expect(short.bytes.count == DMIoctl.dataOffset)

        let reply = fixture.execute(Self.number, argument(size: needed))
        #expect(!reply.head.flags.contains(.bufferFull))
        #expect(reply.bytes.count == needed)
        let listing = try LifecycleListing.decode(
            reply.bytes, dataStart: reply.head.dataStart)
        #expect(listing == LifecycleListing(records: records, dropped: 0))
    }

    @Test("a small ring tells how many older events it dropped")
    func tellsDropped() throws {
        let fixture = try Self.fixture(LifecycleTrace(capacity: 5))
        let reply = fixture.execute(Self.number, argument())
        let listing = try LifecycleListing.decode(
            reply.bytes, dataStart: reply.head.dataStart)
        #expect(listing.dropped == 15)
        #expect(listing.records.map(\.sequence) == [15, 16, 17, 18, 19])
        #expect(listing.records.last?.event == .tableLoaded)
    }

    @Test("a reply that contradicts itself is refused")
    func refusesCut() throws {
        let fixture = try Self.fixture(LifecycleTrace())
        let reply = fixture.execute(Self.number, argument())
        let start = reply.head.dataStart
        for count in [Int(start) + 15, reply.bytes.count - 1] {
            let error = Self.error(Array(reply.bytes[..<count]), start)
            #expect(error?.errno == .protocolError)
        }
        var unknown = reply.bytes
        unknown[Int(start) + LifecycleListing.headSize + 28] = 200
        #expect(Self.error(unknown, start)?.errno == .protocolError)
    }

    private static func error(_ bytes: [UInt8], _ start: UInt32) -> DMError? {
        do throws(DMError) {
            _ = try LifecycleListing.decode(bytes, dataStart: start)
            return nil
        } catch {
            return error
        }
    }
}
