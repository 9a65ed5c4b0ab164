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
        if let interrupt {
            try interrupt.whileWaiting(with: gate, released) { () throws(DMError) in
                try take(interrupt)
            }
        } else {
            try take(nil)
        }
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

    package func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
        #endif
        gate.withLock {
            isHeld = false
            released.signal()
        }
    }

    private func take(_ interrupt: Interrupt?) throws(DMError) {
        gate.lock()
        defer { gate.unlock() }
        while isHeld {
            if let interrupt, interrupt.isRaised {
                // The signal that woke us may have been meant for another waiter.
                released.signal()
                throw .interrupted
            }
            released.wait(gate)
        }
        isHeld = true
    }
}
