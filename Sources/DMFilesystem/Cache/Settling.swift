import DeviceMapper
import Synchronization

/// The time in which pages are dropped that others may have changed, and a second more: a write may have been
/// on its way here when a drop ended. Reads that arrive in it are noted (`PageReads`), and writes are
/// looked after (`CachedWrite`). In monotonic milliseconds. At other times a read pays one load, a write four.
final class Settling: @unchecked Sendable {
    // @unchecked: the mutable rest is guarded by `lock`, but for atomics.

    /// Guards `drops`, and the changes of `end`. Leaf.
    private let lock = Lock(rank: .leaf, name: "Settling.lock")
    /// Under way.
    private var drops = 0
    /// When it is over. The greatest: a drop is under way. 0: it is over, and was seen to be.
    private let end = Atomic<UInt64>(0)
    /// Drops so far.
    private let begun = Atomic<UInt64>(0)
    /// How often it was seen to be over: from then on no read is noted.
    private let overs = Atomic<UInt64>(0)
    private let now: @Sendable () -> UInt64
    private static let milliseconds: UInt64 = 1000

    init(now: @escaping @Sendable () -> UInt64 = { Deadline.nowMilliseconds }) { self.now = now }

    // MARK: Drops

    func begin() {
        lock.withLock {
            drops += 1
            end.store(.max, ordering: .sequentiallyConsistent)
            begun.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    func finish() {
        let over = now() + Settling.milliseconds
        lock.withLock {
            drops -= 1
            if drops == 0 { end.store(over, ordering: .sequentiallyConsistent) }
        }
    }

    // MARK: Requests

    /// The time; nil: no page is being dropped, and none was lately.
    var time: UInt64? {
        let end = end.load(ordering: .sequentiallyConsistent)
        guard end > 0 else { return nil }
        let now = now()
        guard now >= end else { return now }
        // From here on nobody asks for the time, until the next drop. That may have begun just now.
        let isOver = lock.withLock { () -> Bool in
            let current = self.end.load(ordering: .sequentiallyConsistent)
            if current == end {
                overs.wrappingAdd(1, ordering: .sequentiallyConsistent)
                self.end.store(0, ordering: .sequentiallyConsistent)
            }
            return current == end || current == 0
        }
        return isOver ? nil : now
    }

    /// How it was when a write arrived.
    struct Arrival {
        /// How many drops there had been; nil: one may have come between the change of its pages and the
        /// arrival.
        fileprivate let drops: UInt64?
        fileprivate let overs: UInt64
        /// Since when a read may have brought back what was dropped.
        fileprivate let readsSince: UInt64
    }

    /// A write arrives.
    func noteArrival() -> Arrival {
        let drops = begun.load(ordering: .sequentiallyConsistent)
        let time = time
        let overs = overs.load(ordering: .sequentiallyConsistent)
        guard let time else { return Arrival(drops: drops, overs: overs, readsSince: 0) }
        return Arrival(
            drops: nil, overs: overs, readsSince: time - min(time, Settling.milliseconds))
    }

    /// Whether pages of a write may have been dropped, and read again, before it took effect; asked after
    /// that. `sawRead`: whether a read of them was noted at that time or later. One that came after the time
    /// was over isn't noted.
    func mayBeStale(since arrival: Arrival, sawRead: (UInt64) -> Bool) -> Bool {
        begun.load(ordering: .sequentiallyConsistent) != arrival.drops
            && (overs.load(ordering: .sequentiallyConsistent) != arrival.overs
                || sawRead(arrival.readsSince))
    }
}
