import Synchronization

/// Ends the one blocking call that it was handed to with EINTR: a client died, or a signal came.
///
/// Raised at most once and never lowered: make one for each call.
package final class Interrupt: Sendable {
    private let raised = Atomic<Bool>(false)
    private let lock = Lock(rank: .interrupt, name: "Interrupt.lock")
    /// Guarded by `lock`.
    nonisolated(unsafe) private var sleeper: (lock: Lock, condition: Condition)?

    package init() {}

    package var isRaised: Bool { raised.load(ordering: .acquiring) }

    /// Wakes the call, now or when it next looks. Any thread; takes the lock that the call waits
    /// with.
    package func raise() {
        raised.store(true, ordering: .releasing)
        lock.withLock {
            guard let sleeper else { return }
            sleeper.lock.withLock { sleeper.condition.broadcast() }
        }
    }

    fileprivate func noteSleeper(_ sleeper: (lock: Lock, condition: Condition)?) {
        lock.withLock { self.sleeper = sleeper }
    }
}

extension Condition {
    /// Takes `lock`, waits until `isOver`, runs `body` and releases it: nobody comes between the
    /// last two. EINTR when `interrupt` is raised before that. Whoever changes what `isOver` looks
    /// at wakes all waiters, since one that is interrupted passes no wake-up on. Takes the
    /// interrupt's lock before `lock`.
    func wait<Result>(
        _ lock: Lock, _ interrupt: Interrupt?, until isOver: () -> Bool, then body: () -> Result
    ) throws(DMError) -> Result {
        interrupt?.noteSleeper((lock, self))
        defer { interrupt?.noteSleeper(nil) }
        lock.lock()
        defer { lock.unlock() }
        while !isOver() {
            if let interrupt, interrupt.isRaised { throw .interrupted }
            wait(lock)
        }
        return body()
    }
}
