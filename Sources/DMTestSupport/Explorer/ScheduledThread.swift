#if DEBUG
    import DeviceMapper
    import Glibc

    /// The right to run, passed from thread to thread.
    final class Token: @unchecked Sendable {
        // @unchecked: pthread's own, since the core's locks are what is being explored.
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var isGiven = false

        init() {
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        func give() {
            pthread_mutex_lock(mutex)
            isGiven = true
            pthread_cond_signal(condition)
            pthread_mutex_unlock(mutex)
        }

        func take() {
            pthread_mutex_lock(mutex)
            while !isGiven { pthread_cond_wait(condition, mutex) }
            isGiven = false
            pthread_mutex_unlock(mutex)
        }
    }

    /// A thread that runs only when the scheduler gives it the token.
    final class ScheduledThread: SeamThread, @unchecked Sendable {
        // @unchecked: as `Scheduler`.
        let number: Int
        let name: String
        let token = Token()
        private unowned let scheduler: Scheduler
        var wait = Scheduler.Wait.none
        var wasWoken = false
        var isEnded = false
        private var body: (@Sendable () -> Void)?

        init(number: Int, name: String, scheduler: Scheduler) {
            self.number = number
            self.name = name
            self.scheduler = scheduler
        }

        /// Starts the real thread, which waits for the token at once.
        func launch(_ body: @escaping @Sendable () -> Void) {
            self.body = body
            ThreadPool.run { [self] in
                token.take()
                scheduler.note.run {
                    Seam.run(as: self) {
                        self.body?()
                        // What it alone still held goes here, where a trap is seen.
                        self.body = nil
                    }
                }
                scheduler.ended(self)
            }
        }

        /// After a failure nobody goes on: what the thread holds is as the failure left it.
        func parkForEver() { while true { token.take() } }

        func acquire(_ lock: ObjectIdentifier, _ name: StaticString, shared: Bool) {
            scheduler.acquire(self, lock, name, shared: shared)
        }

        func release(_ lock: ObjectIdentifier, _ name: StaticString) {
            scheduler.release(self, lock, name)
        }

        func wait(
            _ condition: ObjectIdentifier, _ lock: ObjectIdentifier, _ name: StaticString,
            bounded: Bool
        ) -> Bool {
            scheduler.waitFor(self, condition, lock, name, bounded: bounded)
        }

        func wake(_ condition: ObjectIdentifier, all: Bool) {
            scheduler.wake(condition, all: all)
        }

        func step(_ name: StaticString) { scheduler.point(self, "\(name)") }

        func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
            let count = scheduler.threads.count { $0.name.hasPrefix(name) }
            scheduler.add(count == 0 ? name : "\(name)-\(count + 1)", body)
        }

        func report(_ what: String) { scheduler.report(what) }
    }
#endif
