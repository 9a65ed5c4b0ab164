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

    /// Wakes the call, now or when it next looks. Any thread; takes the lock that the call waits with.
    package func raise() {
        raised.store(true, ordering: .releasing)
        lock.withLock {
            guard let sleeper else { return }
            sleeper.lock.withLock { sleeper.condition.broadcast() }
        }
    }

    /// Runs `body`, which waits for `condition` under `lock` and looks at `isRaised` before each wait.
    func whileWaiting<Result, Failure: Error>(
        with waitLock: Lock, _ condition: Condition, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.withLock { sleeper = (waitLock, condition) }
        defer { lock.withLock { sleeper = nil } }
        return try body()
    }
}
