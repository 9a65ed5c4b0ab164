/// Lets a thread wait for what others do: closes, or removals.
///
/// A command waits for handles that may be closing: the kernel sends RELEASE after close(2)
/// returned, so a client may ask for a removal before we know that it closed. The end of the daemon
/// waits for devices that others are removing.
final class ChangeWatch: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards `changes`. Leaf.
    private let lock = Lock(rank: .leaf, name: "ChangeWatch.lock")
    private let changed = Condition()
    private var changes: UInt64 = 0

    func noteChange() {
        lock.withLock {
            changes &+= 1
            changed.broadcast()
        }
    }

    /// Looks with `isOver` after each change until that is true, for as long as it takes.
    func waitUntil(_ isOver: () -> Bool) {
        while !wait(until: Deadline(millisecondsFromNow: 60_000), isOver) {}
    }

    /// Looks with `isOver` after each change, until that is true or the deadline passes: false.
    func wait(until deadline: Deadline, _ isOver: () -> Bool) -> Bool {
        while true {
            let before = lock.withLock { changes }
            if isOver() { return true }
            let inTime = lock.withLock { () -> Bool in
                while changes == before {
                    if !changed.wait(lock, until: deadline) { return false }
                }
                return true
            }
            if !inTime { return isOver() }
        }
    }
}
