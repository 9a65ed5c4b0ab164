import DeviceMapper
import Synchronization
import Testing

@testable import DMFilesystem

/// Whether a write may have left something older in the page cache, by what came when.
@Suite struct SettlingTests {
    private final class Clock: Sendable {
        let time = Atomic<UInt64>(5000)
        func pass(_ milliseconds: UInt64) {
            time.wrappingAdd(milliseconds, ordering: .relaxed)
        }
    }
    private let clock = Clock()
    private let settling: Settling

    init() {
        settling = Settling { [clock] in clock.time.load(ordering: .relaxed) }
    }

    private func drop() {
        settling.begin()
        settling.finish()
    }
    /// A read arrives: when it was noted.
    private func read() -> UInt64? { settling.time }
    private func mayBeStale(_ arrival: Settling.Arrival, reads: UInt64?...) -> Bool {
        settling.mayBeStale(since: arrival) { time in
            reads.contains { ($0 ?? 0) >= time && $0 != nil }
        }
    }

    @Test("without a drop no read matters")
    func quiet() {
        let arrival = settling.noteArrival()
        #expect(read() == nil)
        #expect(!mayBeStale(arrival))
    }

    @Test(
        "a read after a drop matters while the write is under way, however late it comes",
        arguments: [0, 999, 1000, 60_000])
    func during(_ pause: UInt64) {
        let arrival = settling.noteArrival()
        drop()
        #expect(!mayBeStale(arrival))
        clock.pass(pause)
        #expect(mayBeStale(arrival, reads: read()))
    }

    @Test("also where the drop was before the write arrived", arguments: [0, 999, 1000, 60_000])
    func before(_ pause: UInt64) {
        drop()
        let arrival = settling.noteArrival()
        clock.pass(pause)
        #expect(mayBeStale(arrival, reads: read()))
    }

    @Test("and where the read was, between the drop and the arrival")
    func readBefore() {
        drop()
        let first = read()
        clock.pass(999)
        #expect(mayBeStale(settling.noteArrival(), reads: first))
        clock.pass(1)
        // A second after the drop no write is on its way that it met.
        #expect(!mayBeStale(settling.noteArrival(), reads: first))
    }

    @Test("while a drop is under way the time doesn't end")
    func underWay() {
        settling.begin()
        settling.begin()
        let arrival = settling.noteArrival()
        settling.finish()
        clock.pass(60_000)
        #expect(mayBeStale(arrival, reads: read()))
        settling.finish()
        #expect(read() != nil)
        clock.pass(1000)
        #expect(read() == nil)
        #expect(!mayBeStale(settling.noteArrival()))
    }
}
