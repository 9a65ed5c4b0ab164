#if DEBUG
    import Glibc

    /// What a test can put in the place of the system's locks, conditions and threads, for the
    /// threads that it runs: a scheduler that decides which of them goes on.
    ///
    /// Debug builds only: a release build has no trace of it. Every lock and condition of the core
    /// passes through here, and so do the marked steps between two atomics.
    package protocol SeamThread: AnyObject {
        /// Returns when the lock is the caller's, alone or `shared`.
        func acquire(_ lock: ObjectIdentifier, _ name: StaticString, shared: Bool)
        func release(_ lock: ObjectIdentifier, _ name: StaticString)
        /// Releases `lock`, waits for a wake-up of `condition`, takes it again. False: time passed,
        /// which happens to a `bounded` wait only.
        func wait(
            _ condition: ObjectIdentifier, _ lock: ObjectIdentifier, _ name: StaticString,
            bounded: Bool
        ) -> Bool
        func wake(_ condition: ObjectIdentifier, all: Bool)
        /// A point between two accesses that other threads may come between.
        func step(_ name: StaticString)
        /// Starts a thread that the scheduler runs too.
        func start(_ name: String, _ body: @escaping @Sendable () -> Void)
        /// A broken promise that doesn't have to end the process.
        func report(_ what: String)
    }

    /// The way from the core to the scheduler of a test, if there is one on this thread.
    package enum Seam {
        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            let failure = pthread_key_create(&key, nil)
            precondition(failure == 0, "pthread_key_create failed: \(failure)")
            return key
        }()

        /// The scheduler's side of the calling thread; nil: an ordinary thread.
        package static var current: (any SeamThread)? {
            guard let pointer = pthread_getspecific(key) else { return nil }
            return Unmanaged<Box>.fromOpaque(pointer).takeUnretainedValue().thread
        }

        /// Puts the calling thread under a scheduler for the time of `body`.
        package static func run(as thread: any SeamThread, _ body: () -> Void) {
            let box = Box(thread)
            pthread_setspecific(key, Unmanaged.passUnretained(box).toOpaque())
            withExtendedLifetime(box) { body() }
            pthread_setspecific(key, nil)
        }

        private final class Box {
            let thread: any SeamThread
            init(_ thread: any SeamThread) { self.thread = thread }
        }

        static func step(_ name: StaticString) { current?.step(name) }
    }
#else
    enum Seam {
        @inline(__always) static func step(_ name: StaticString) {}
    }
#endif
