import CLinux
import Synchronization

/// What keeps memory for what may come next.
package protocol KeepsMemory: AnyObject, Sendable {
    /// Lets go of what was kept and not needed since the last call. True: there may be more to let go
    /// of next time. Any thread, no lock held.
    func letGoOfUnneeded() -> Bool
}

/// Gives memory back that was kept for reuse and that the last seconds didn't need.
///
/// Whoever begins to keep something calls `note`. While something is kept that may be let go of, one
/// thread looks every other second; then it makes malloc(3) give back what was freed, and sleeps
/// until the next `note`. So an idle daemon has no timer.
package final class IdleMemory: @unchecked Sendable {
    // @unchecked: what is mutable is atomic or guarded by `lock`.
    package static let shared = IdleMemory()

    /// Guards `keepers`, and goes with `changed`. Leaf.
    private let lock = Lock(rank: .leaf, name: "IdleMemory.lock", isShared: true)
    private let changed = Condition()
    private var keepers: [any KeepsMemory] = []
    private let isNoted = Atomic<Bool>(false)

    /// Between two looks.
    private static let period: UInt32 = 2000
    /// After so many looks malloc(3) gives back also while something is kept.
    private static let looksToTrim = 8

    private init() {}

    /// Something is kept from here on, or much was freed.
    package func note() {
        guard !isNoted.load(ordering: .relaxed) else { return }
        guard !isNoted.exchange(true, ordering: .acquiringAndReleasing) else { return }
        lock.withLock { changed.signal() }
    }

    /// From here on it is asked to let go, until `remove`, and stays alive.
    package func add(_ keeper: any KeepsMemory) { lock.withLock { keepers.append(keeper) } }

    /// It isn't asked any more to let go.
    package func remove(_ keeper: any KeepsMemory) {
        let removed = lock.withLock { () -> (any KeepsMemory)? in
            let index = keepers.firstIndex { $0 === keeper }
            return index.map { keepers.remove(at: $0) }
        }
        // Let go of here: no destructor runs under the lock.
        withExtendedLifetime(removed) {}
    }

    /// Does the work, as long as the process lives.
    package func run() -> Never {
        while true {
            waitForNote()
            var looks = 0
            var isMore = true
            while isMore {
                pause()
                // Before the look: what is kept after it is noted again.
                isNoted.store(false, ordering: .sequentiallyConsistent)
                isMore = look()
                looks += 1
                if !isMore || looks % IdleMemory.looksToTrim == 0 { clinux_give_back_memory() }
            }
        }
    }

    /// One look at all who keep something. True: there may be more.
    func look() -> Bool {
        let all = lock.withLock { keepers }
        var isMore = false
        for keeper in all where keeper.letGoOfUnneeded() { isMore = true }
        return isMore
    }

    private func waitForNote() {
        lock.withLock {
            while !isNoted.load(ordering: .acquiring) { changed.wait(lock) }
        }
    }

    private func pause() {
        let deadline = Deadline(millisecondsFromNow: IdleMemory.period)
        lock.withLock {
            while changed.wait(lock, until: deadline) {}
        }
    }
}

/// Things that are kept for reuse, and how few of them were idle since the last look: so many nobody
/// needed.
package struct Idle<Element> {
    private var elements: [Element] = []
    private var fewest = 0

    package init() {}

    package var count: Int { elements.count }

    /// Keeps one more.
    package mutating func append(_ element: Element) { elements.append(element) }

    /// The one that was kept last, for use; nil: there is none.
    package mutating func popLast() -> Element? {
        let last = elements.popLast()
        if elements.count < fewest { fewest = elements.count }
        return last
    }

    /// Takes out what nobody needed since the last call, but for `kept`, and begins to count anew.
    package mutating func takeUnneeded(keeping kept: Int = 0) -> [Element] {
        let surplus = min(fewest, max(elements.count - kept, 0))
        let taken = Array(elements.prefix(surplus))
        // A new array, without the room of the old one.
        if surplus > 0 { elements = Array(elements.dropFirst(surplus)) }
        fewest = elements.count
        return taken
    }
}
