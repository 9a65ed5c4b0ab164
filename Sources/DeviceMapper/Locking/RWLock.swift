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

    package func withReadLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        willTake()
        pthread_rwlock_rdlock(rwlock)
        took()
        defer { unlock() }
        return try body()
    }

    package func withWriteLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        willTake()
        pthread_rwlock_wrlock(rwlock)
        took()
        defer { unlock() }
        return try body()
    }

    private func willTake() {
        #if DEBUG
            HeldRanks.willTake(rank, name)
        #endif
    }

    private func took() {
        #if DEBUG
            HeldRanks.took(rank)
        #endif
    }

    private func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
        #endif
        pthread_rwlock_unlock(rwlock)
    }
}
