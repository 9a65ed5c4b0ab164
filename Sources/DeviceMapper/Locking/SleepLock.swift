/// A lock that is held over waits: for I/O to drain, for a flush. Whoever waits for it can be
/// interrupted, which a mutex can't.
package final class SleepLock: @unchecked Sendable {
    // @unchecked: `isHeld` is guarded by `gate`.
    private let gate = Lock(rank: .leaf, name: "SleepLock.gate")
    private let released = Condition()
    private var isHeld = false
    private let rank: LockRank
    private let name: StaticString

    package init(rank: LockRank, name: StaticString) {
        self.rank = rank
        self.name = name
    }

    /// Takes the lock. EINTR when `interrupt` is raised before that.
    package func lock(_ interrupt: Interrupt?) throws(DMError) {
        #if DEBUG
            HeldRanks.willTake(rank, name)
        #endif
        try released.wait(gate, interrupt, until: { !isHeld }, then: { isHeld = true })
        #if DEBUG
            HeldRanks.took(rank, name)
        #endif
    }

    /// Takes the lock, for as long as that takes.
    package func lock() {
        #if DEBUG
            HeldRanks.willTake(rank, name)
        #endif
        gate.withLock {
            while isHeld { released.wait(gate) }
            isHeld = true
        }
        #if DEBUG
            HeldRanks.took(rank, name)
        #endif
    }

    /// Gives it up. By the thread that has it.
    package func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
        #endif
        gate.withLock {
            isHeld = false
            released.broadcast()
        }
    }
}
