import DeviceMapper
import Synchronization

/// Keeps answers that tell the size of a device back while the kernel is being told of a longer one.
///
/// The kernel takes a size from an answer only if nothing was written since it asked, but shows the
/// answer's to its client all the same. So a longer size is told by a notification first
/// (`KernelPages.grow`), and by answers after it. An answer with the earlier size to a question from
/// before the notification does no harm: the kernel knows that it is older. One to a question from
/// after it would make the file short again. Which of the two a question is that arrives meanwhile
/// can't be told; so its answer waits until the notification is over, and has the new size.
final class SizeGate: @unchecked Sendable {
    // @unchecked: guarded by `lock`, but for an atomic.

    private struct Closed {
        /// Notifications under way.
        var count = 0
        var postponed: [@Sendable () -> Void] = []
    }

    /// Guards `closed`. Leaf.
    private let lock = Lock(rank: .leaf, name: "SizeGate.lock")
    private var closed: [NodeNumber: Closed] = [:]
    /// How many nodes are in there: mostly none.
    private let closedCount = Atomic<Int>(0)
    /// When a SETATTR was answered last, in monotonic milliseconds.
    private let newestSetting = Atomic<UInt64>(0)
    /// The kernel takes the size from the answer of a SETATTR whatever came between. Its client has
    /// done so after this time.
    private static let settingMilliseconds: UInt64 = 20

    /// From here on answers are kept back. To be opened as often.
    func close(_ node: NodeNumber) {
        lock.withLock {
            closed[node, default: Closed()].count += 1
            closedCount.store(closed.count, ordering: .sequentiallyConsistent)
        }
    }

    /// Gives the answers that were kept back, on this thread.
    func open(_ node: NodeNumber) {
        let postponed = lock.withLock { () -> [@Sendable () -> Void] in
            closed[node]?.count -= 1
            guard let over = closed[node], over.count == 0 else { return [] }
            closed[node] = nil
            closedCount.store(closed.count, ordering: .sequentiallyConsistent)
            return over.postponed
        }
        for answer in postponed { answer() }
    }

    /// Keeps an answer back. False: there is no need, and the caller gives it.
    func postpone(_ node: NodeNumber, _ answer: @escaping @Sendable () -> Void) -> Bool {
        guard closedCount.load(ordering: .sequentiallyConsistent) > 0 else { return false }
        return lock.withLock {
            guard closed[node] != nil else { return false }
            closed[node]?.postponed.append(answer)
            return true
        }
    }

    /// A SETATTR of some device was answered.
    func noteSetting() {
        newestSetting.store(Deadline.nowMilliseconds, ordering: .sequentiallyConsistent)
    }

    /// How long the client of the newest SETATTR may still need to take its answer in, in milliseconds.
    var settlingTime: UInt32 {
        let settled =
            newestSetting.load(ordering: .sequentiallyConsistent) + SizeGate.settingMilliseconds
        let now = Deadline.nowMilliseconds
        return now < settled ? UInt32(settled - now) : 0
    }
}
