/// A call on a thread of its own that is waited for, but not for good: it can be stuck in a file system
/// whose daemon doesn't answer, or behind a request that a device holds.
///
/// A call that nobody waits for any more goes on, and ends by itself or with the process. What it gives
/// is let go of with the last reference to this.
package final class BoundedCall<Value: Sendable>: @unchecked Sendable {
    // @unchecked: `value` is guarded by `lock`.

    /// Guards `value`. Leaf.
    private let lock = Lock(rank: .leaf, name: "BoundedCall.lock")
    private let ended = Condition()
    private var value: Value?

    private init() {}

    /// Starts a thread of that name. Nil: there is none for it, and `body` isn't run.
    package static func begin(
        _ name: String, _ body: @escaping @Sendable () -> Value
    ) -> BoundedCall? {
        let call = BoundedCall()
        do throws(DMError) {
            try Thread.start(name) {
                let value = body()
                call.lock.withLock {
                    call.value = value
                    call.ended.broadcast()
                }
            }
        } catch {
            return nil
        }
        return call
    }

    package var isDone: Bool { lock.withLock { value != nil } }

    /// What it gave; nil: it hasn't ended at `deadline`.
    package func wait(until deadline: Deadline) -> Value? {
        lock.withLock {
            while value == nil, ended.wait(lock, until: deadline) {}
            return value
        }
    }

    /// What the call gives, however long it takes.
    package func wait() -> Value {
        lock.withLock {
            while true {
                if let value { return value }
                ended.wait(lock)
            }
        }
    }
}
