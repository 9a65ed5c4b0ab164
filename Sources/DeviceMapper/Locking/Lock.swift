import Glibc

/// A mutex with a rank. pthread's, since ThreadSanitizer reports false races with
/// `Synchronization.Mutex`.
package final class Lock: @unchecked Sendable {
    // @unchecked: the pthread mutex is made to be shared.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let rank: LockRank
    private let name: StaticString

    package init(rank: LockRank, name: StaticString) {
        self.rank = rank
        self.name = name
        mutex = .allocate(capacity: 1)
        let failure = pthread_mutex_init(mutex, nil)
        precondition(failure == 0, "pthread_mutex_init failed: \(failure)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func lock() {
        #if DEBUG
            HeldRanks.willTake(rank, name)
        #endif
        pthread_mutex_lock(mutex)
        #if DEBUG
            HeldRanks.took(rank)
        #endif
    }

    package func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
        #endif
        pthread_mutex_unlock(mutex)
    }

    package func withLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Waits for a signal of `condition`; the lock is released meanwhile.
    fileprivate func wait(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
        pthread_cond_wait(condition, mutex)
    }

    fileprivate func wait(_ condition: UnsafeMutablePointer<pthread_cond_t>, until: timespec) -> Bool {
        var until = until
        return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT
    }
}

/// A condition to wait for under a `Lock`. Wake-ups can be spurious: always wait in a loop.
package final class Condition: @unchecked Sendable {
    // @unchecked: the pthread condition is made to be shared.
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let failure = pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
        precondition(failure == 0, "pthread_cond_init failed: \(failure)")
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Releases `lock`, sleeps until signalled, takes it again.
    package func wait(_ lock: Lock) { lock.wait(condition) }

    /// The same with a bound. False: `deadline` passed first.
    package func wait(_ lock: Lock, until deadline: Deadline) -> Bool {
        lock.wait(condition, until: deadline.time)
    }

    package func signal() { pthread_cond_signal(condition) }
    package func broadcast() { pthread_cond_broadcast(condition) }
}

/// A point in monotonic time, the end of a bounded wait.
package struct Deadline: Sendable {
    fileprivate let time: timespec

    package init(millisecondsFromNow milliseconds: UInt32) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let nanoseconds = now.tv_nsec + Int(milliseconds % 1000) * 1_000_000
        time = timespec(
            tv_sec: now.tv_sec + Int(milliseconds / 1000) + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000)
    }

    package var hasPassed: Bool {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return (now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec)
    }

    /// Monotonic milliseconds since some moment in the past.
    static var nowMilliseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }
}
