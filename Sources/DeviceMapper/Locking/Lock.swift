import Glibc

/// A mutex with a rank. pthread's, since ThreadSanitizer reports false races with
/// `Synchronization.Mutex`.
package final class Lock: @unchecked Sendable {
    // @unchecked: the pthread mutex is made to be shared.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let rank: LockRank
    private let name: StaticString
    #if DEBUG
        private let isScheduled: Bool
    #endif

    /// `isShared`: of the whole process, taken for a moment with nothing else under it. A test's
    /// scheduler leaves it alone, since threads that it doesn't run take the lock too.
    package init(rank: LockRank, name: StaticString, isShared: Bool = false) {
        self.rank = rank
        self.name = name
        #if DEBUG
            isScheduled = !isShared
        #endif
        mutex = .allocate(capacity: 1)
        let failure = pthread_mutex_init(mutex, nil)
        precondition(failure == 0, "pthread_mutex_init failed: \(failure)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Takes it. A debug build traps if its rank isn't above all that the thread holds.
    package func lock() {
        #if DEBUG
            HeldRanks.willTake(rank, name)
            defer { HeldRanks.took(rank, name) }
            if isScheduled, let thread = Seam.current {
                return thread.acquire(ObjectIdentifier(self), name, shared: false)
            }
        #endif
        pthread_mutex_lock(mutex)
    }

    /// Gives it up. By the thread that has it.
    package func unlock() {
        #if DEBUG
            HeldRanks.dropped(rank)
            if isScheduled, let thread = Seam.current {
                return thread.release(ObjectIdentifier(self), name)
            }
        #endif
        pthread_mutex_unlock(mutex)
    }

    /// Runs `body` with the lock taken.
    package func withLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Waits for a signal of `condition`; the lock is released meanwhile.
    fileprivate func wait(_ condition: Condition) {
        #if DEBUG
            HeldRanks.willSleep("a wait under \(name)", except: rank)
            if isScheduled, let thread = Seam.current {
                _ = thread.wait(
                    ObjectIdentifier(condition), ObjectIdentifier(self), name, bounded: false)
                return
            }
        #endif
        pthread_cond_wait(condition.condition, mutex)
    }

    fileprivate func wait(_ condition: Condition, until deadline: Deadline) -> Bool {
        #if DEBUG
            HeldRanks.willSleep("a wait under \(name)", except: rank)
            if isScheduled, let thread = Seam.current {
                return thread.wait(
                    ObjectIdentifier(condition), ObjectIdentifier(self), name, bounded: true)
            }
        #endif
        var time = deadline.time
        return pthread_cond_timedwait(condition.condition, mutex, &time) != ETIMEDOUT
    }
}

/// A condition to wait for under a `Lock`. Wake-ups can be spurious: always wait in a loop.
package final class Condition: @unchecked Sendable {
    // @unchecked: the pthread condition is made to be shared.
    fileprivate let condition: UnsafeMutablePointer<pthread_cond_t>

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
    package func wait(_ lock: Lock) { lock.wait(self) }

    /// The same with a bound. False: `deadline` passed first.
    package func wait(_ lock: Lock, until deadline: Deadline) -> Bool {
        lock.wait(self, until: deadline)
    }

    /// Wakes one waiter. With the lock held.
    package func signal() {
        #if DEBUG
            if let thread = Seam.current { thread.wake(ObjectIdentifier(self), all: false) }
        #endif
        pthread_cond_signal(condition)
    }

    /// Wakes all waiters. With the lock held.
    package func broadcast() {
        #if DEBUG
            if let thread = Seam.current { thread.wake(ObjectIdentifier(self), all: true) }
        #endif
        pthread_cond_broadcast(condition)
    }
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

    /// This one, or one so soon.
    func orSooner(milliseconds: UInt32) -> Deadline {
        millisecondsLeft < milliseconds ? self : Deadline(millisecondsFromNow: milliseconds)
    }

    package var hasPassed: Bool {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return (now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec)
    }

    /// Until then, rounded up; 0 once it has passed.
    package var millisecondsLeft: UInt32 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let nanoseconds = (time.tv_sec - now.tv_sec) * 1_000_000_000 + time.tv_nsec - now.tv_nsec
        return UInt32(clamping: (max(nanoseconds, 0) + 999_999) / 1_000_000)
    }

    /// Monotonic milliseconds since some moment in the past.
    package static var nowMilliseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }
}
