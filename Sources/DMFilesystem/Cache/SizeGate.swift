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

    /// Guards `closed`, `giving` and `hasEnded`. Leaf.
    private let lock = Lock(rank: .leaf, name: "SizeGate.lock")
    private var closed: [NodeNumber: Closed] = [:]
    /// Threads that give answers which were kept back.
    private var giving = 0
    private let given = Condition()
    private var hasEnded = false
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
            giving += 1
            return over.postponed
        }
        give(postponed)
    }

    /// Gives all answers that were kept back, and waits until none is being given any more: the
    /// session that they belong to is about to be freed. From here on none is kept back.
    func end() {
        let postponed = lock.withLock { () -> [@Sendable () -> Void] in
            hasEnded = true
            giving += 1
            let postponed = closed.values.flatMap(\.postponed)
            for node in closed.keys { closed[node]?.postponed = [] }
            return postponed
        }
        give(postponed)
        lock.withLock { while giving > 0 { given.wait(lock) } }
    }

    /// Counted in `giving` already.
    private func give(_ postponed: [@Sendable () -> Void]) {
        for answer in postponed { answer() }
        lock.withLock {
            giving -= 1
            given.broadcast()
        }
    }

    /// Keeps an answer back. False: there is no need, and the caller gives it.
    func postpone(_ node: NodeNumber, _ answer: @escaping @Sendable () -> Void) -> Bool {
        guard closedCount.load(ordering: .sequentiallyConsistent) > 0 else { return false }
        return lock.withLock {
            guard !hasEnded, closed[node] != nil else { return false }
            closed[node]?.postponed.append(answer)
            return true
        }
    }

    /// For tests: answers that are kept back.
    var keptBack: Int { lock.withLock { closed.values.reduce(0) { $0 + $1.postponed.count } } }

    /// A SETATTR of some device was answered.
    func noteSetting() {
        newestSetting.store(Deadline.nowMilliseconds, ordering: .sequentiallyConsistent)
    }

    /// How long the client of the newest SETATTR may still need to take its answer in, in milliseconds.
    var settingTime: UInt32 {
        let end =
            newestSetting.load(ordering: .sequentiallyConsistent) + SizeGate.settingMilliseconds
        let now = Deadline.nowMilliseconds
        return now < end ? UInt32(end - now) : 0
    }
}
