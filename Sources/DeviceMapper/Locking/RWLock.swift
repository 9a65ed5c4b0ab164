import Glibc

/// A lock for many readers or one writer, with a rank. See `Lock` for why it is pthread's.
package final class RWLock: @unchecked Sendable {
    // @unchecked: the pthread lock is made to be shared.
    private let rwlock: UnsafeMutablePointer<pthread_rwlock_t>
    private let rank: LockRank
    private let name: StaticString

    package init(rank: LockRank, name: StaticString) {
        self.rank = rank
        self.name = name
        rwlock = .allocate(capacity: 1)
        let failure = pthread_rwlock_init(rwlock, nil)
        precondition(failure == 0, "pthread_rwlock_init failed: \(failure)")
    }

    deinit {
        pthread_rwlock_destroy(rwlock)
        rwlock.deallocate()
    }

    /// Runs `body` beside other readers. Ranks as of `Lock.lock`.
    package func withReadLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        take(shared: true)
        defer { unlock() }
        return try body()
    }

    /// Runs `body` alone. Ranks as of `Lock.lock`.
    package func withWriteLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        take(shared: false)
        defer { unlock() }
        return try body()
    }

    @inline(__always)
    private func take(shared: Bool) {
        #if DEBUG
            HeldRanks.willTake(rank, name)
            defer { HeldRanks.took(rank, name) }
            if let thread = Seam.current {
                return thread.acquire(ObjectIdentifier(self), name, shared: shared)
            }
        #endif
        if shared { pthread_rwlock_rdlock(rwlock) } else { pthread_rwlock_wrlock(rwlock) }
    }

    @inline(__always)
    private func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
            if let thread = Seam.current {
                return thread.release(ObjectIdentifier(self), name)
            }
        #endif
        pthread_rwlock_unlock(rwlock)
    }
}
