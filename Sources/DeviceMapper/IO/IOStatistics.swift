import Glibc
import Synchronization

/// What a device did for those above it, as the kernel counts it for /proc/diskstats
/// (`struct disk_stats`): a request counts when the device admits it, its time when it ends. Held ones
/// count when they go on. A request counts once, however a table cuts it.
///
/// Two additions when a request begins and one when it ends, more only where the clock went on. Four sets of
/// counters, by the request's address, keep threads apart: a thread uses the request that it gave back last.
/// No lock. The memory comes with the first request; without memory nothing is counted.
struct IOStatistics: ~Copyable, @unchecked Sendable {
    // @unchecked: all is atomic.

    /// The kinds of requests that are told apart (`enum stat_group`); flushes count as writes, as those of
    /// device-mapper do.
    private enum Group: Int { case read, write, discard }

    /// Of each group of a set: requests begun, their sectors, requests ended, their nanoseconds.
    private enum Counter: Int { case begun, sectors, ended, time }

    private typealias Counters = UnsafeMutablePointer<Atomic<UInt64>>

    private static let sets = 4
    private static let countersOfGroup = 4
    /// In each set; 128 bytes, so that no two sets share a cache line.
    private static let countersOfSet = 16

    private let memory = Atomic<UnsafeMutableRawPointer?>(nil)
    /// When `busy` was brought up to date, and for how many nanoseconds something was in flight.
    private let stamp = Atomic<UInt64>(0)
    private let busy = Atomic<UInt64>(0)

    deinit { free(memory.load(ordering: .acquiring)) }

    // MARK: Counting

    /// Notes a request that is admitted; what it returns belongs to `end`.
    func begin(_ request: IORequest) -> Int {
        // A flush of our own is nobody's request.
        guard !request.bypassesSuspension, let counters = counters(of: request) else { return 0 }
        let group = IOStatistics.group(of: request.operation)
        add(1, to: .begun, of: group, in: counters)
        let sectors = UInt64(request.length) / Sectors.size
        if sectors > 0 { add(sectors, to: .sectors, of: group, in: counters) }
        let now = IOStatistics.now
        noteTime(now, isEnd: false)
        return Int(truncatingIfNeeded: now)
    }

    /// `began`: 0, it wasn't counted.
    func end(_ request: IORequest, began: Int) {
        guard began != 0, let counters = counters(of: request) else { return }
        let group = IOStatistics.group(of: request.operation)
        let now = IOStatistics.now
        let start = UInt64(truncatingIfNeeded: began)
        if now > start { add(now - start, to: .time, of: group, in: counters) }
        noteTime(now, isEnd: true)
        add(1, to: .ended, of: group, in: counters)
    }

    private func add(_ count: UInt64, to counter: Counter, of group: Group, in counters: Counters) {
        let index = group.rawValue * IOStatistics.countersOfGroup + counter.rawValue
        counters[index].wrappingAdd(count, ordering: .relaxed)
    }

    /// A tick is busy in which something began, or through which something lasted (`update_io_ticks`).
    private func noteTime(_ now: UInt64, isEnd: Bool) {
        let last = stamp.load(ordering: .relaxed)
        guard now > last else { return }
        let (isOurs, _) = stamp.compareExchange(expected: last, desired: now, ordering: .relaxed)
        guard isOurs else { return }
        busy.wrappingAdd(isEnd && last > 0 ? now - last : IOStatistics.tick, ordering: .relaxed)
    }

    private func counters(of request: IORequest) -> Counters? {
        guard let memory = memory.load(ordering: .acquiring) ?? makeMemory() else { return nil }
        let address = UInt(bitPattern: Unmanaged.passUnretained(request).toOpaque())
        let set = Int(address >> 8) & (IOStatistics.sets - 1)
        return IOStatistics.counters(memory, set)
    }

    private static func counters(_ memory: UnsafeMutableRawPointer, _ set: Int) -> Counters {
        memory.assumingMemoryBound(to: Atomic<UInt64>.self) + set * countersOfSet
    }

    private func makeMemory() -> UnsafeMutableRawPointer? {
        let stride = MemoryLayout<Atomic<UInt64>>.stride
        let count = IOStatistics.sets * IOStatistics.countersOfSet
        var made: UnsafeMutableRawPointer?
        guard posix_memalign(&made, 128, count * stride) == 0, let made else { return nil }
        let counters = made.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { (counters + index).initialize(to: Atomic(0)) }
        let (isOurs, other) = memory.compareExchange(
            expected: nil, desired: made, ordering: .acquiringAndReleasing)
        if isOurs { return made }
        free(made)
        return other
    }

    private static func group(of operation: IOOperation) -> Group {
        switch operation {
        case .read: .read
        case .write, .flush, .writeZeroes: .write
        case .discard: .discard
        }
    }

    // MARK: Time

    /// Nanoseconds that never go back, as coarse as the kernel's own statistics, which count jiffies.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec &* 1_000_000_000 &+ time.tv_nsec)
    }

    /// How far that clock goes at once.
    private static let tick: UInt64 = {
        var time = timespec()
        clock_getres(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_nsec)
    }()

    // MARK: Reading

    /// What was counted until now. Numbers that change meanwhile needn't fit together.
    var counts: IOCounts {
        var counts = IOCounts()
        guard let memory = memory.load(ordering: .acquiring) else { return counts }
        counts.reads = sum(.read, memory)
        counts.writes = sum(.write, memory)
        counts.discards = sum(.discard, memory)
        if counts.isBusy { noteTime(IOStatistics.now, isEnd: true) }
        counts.busyMilliseconds = busy.load(ordering: .relaxed) / 1_000_000
        return counts
    }

    private func sum(_ group: Group, _ memory: UnsafeMutableRawPointer) -> IOCounts.Kind {
        func total(_ counter: Counter) -> UInt64 {
            let index = group.rawValue * IOStatistics.countersOfGroup + counter.rawValue
            return (0..<IOStatistics.sets).reduce(0) {
                $0 &+ IOStatistics.counters(memory, $1)[index].load(ordering: .acquiring)
            }
        }
        // In this order: what began after the ended ones were counted is in flight, not the reverse.
        let ended = total(.ended)
        let begun = total(.begun)
        return IOCounts.Kind(
            requests: begun, sectors: total(.sectors), milliseconds: total(.time) / 1_000_000,
            inFlight: begun > ended ? begun - ended : 0)
    }
}

/// What a device did since it was created.
package struct IOCounts: Hashable, Sendable {
    /// Requests of one kind.
    package struct Kind: Hashable, Sendable {
        /// That were admitted, those under way among them.
        package var requests: UInt64 = 0
        package var sectors: UInt64 = 0
        /// That those took together which have ended.
        package var milliseconds: UInt64 = 0
        /// Of them, those under way.
        package var inFlight: UInt64 = 0
    }

    package var reads = Kind()
    /// Flushes among them.
    package var writes = Kind()
    package var discards = Kind()
    /// While something was under way.
    package var busyMilliseconds: UInt64 = 0

    fileprivate var isBusy: Bool { reads.inFlight + writes.inFlight + discards.inFlight > 0 }
}
