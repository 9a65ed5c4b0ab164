/// Lets a thread wait for closes that others do.
///
/// A command waits for handles that may be closing: the kernel sends RELEASE after close(2)
/// returned, so a client may ask for a removal before we know that it closed. The end of the daemon
/// waits for devices that others are removing.
final class ClosingWatch: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards `closes`. Leaf.
    private let lock = Lock(rank: .leaf, name: "ClosingWatch.lock")
    private let closed = Condition()
    private var closes: UInt64 = 0

    func noteClose() {
        lock.withLock {
            closes &+= 1
            closed.broadcast()
        }
    }

    /// Looks with `isOver` after each close until that is true, for as long as it takes.
    func waitUntil(_ isOver: () -> Bool) {
        while !wait(until: Deadline(millisecondsFromNow: 60_000), isOver) {}
    }

    /// Looks with `isOver` after each close, until that is true or the deadline passes: false.
    func wait(until deadline: Deadline, _ isOver: () -> Bool) -> Bool {
        while true {
            let before = lock.withLock { closes }
            if isOver() { return true }
            let inTime = lock.withLock { () -> Bool in
                while closes == before {
                    if !closed.wait(lock, until: deadline) { return false }
                }
                return true
            }
            if !inTime { return isOver() }
        }
    }
}
