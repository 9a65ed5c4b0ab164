import DeviceMapper

/// A call on a thread of its own that is waited for, but not for good: it can be stuck behind a request
/// that a device holds.
final class BoundedCall: @unchecked Sendable {
    // @unchecked: `isDone` is guarded by `lock`.

    /// Guards `isDone`. Leaf.
    private let lock = Lock(rank: .leaf, name: "BoundedCall.lock")
    private let done = Condition()
    private var isDone = false

    /// Nil: there is no thread for it, and `body` isn't run.
    static func begin(_ body: @escaping @Sendable () -> Void) -> BoundedCall? {
        let call = BoundedCall()
        let run: @Sendable () -> Void = {
            body()
            call.lock.withLock {
                call.isDone = true
                call.done.broadcast()
            }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { return nil }
        return call
    }

    /// Whether it has ended, so many milliseconds from now at the latest. It may go on.
    func wait(atMost milliseconds: UInt32) -> Bool {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        return lock.withLock {
            while !isDone, done.wait(lock, until: deadline) {}
            return isDone
        }
    }

    func wait() {
        lock.withLock { while !isDone { done.wait(lock) } }
    }
}
