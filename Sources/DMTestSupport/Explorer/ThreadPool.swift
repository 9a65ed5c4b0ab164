#if DEBUG
    import DeviceMapper
    import Glibc

    /// Real threads, kept for the next schedule: starting one costs more than a whole schedule.
    enum ThreadPool {
        private final class Worker: @unchecked Sendable {
            // @unchecked: `job` is handed over by `token`.
            let token = Token()
            var job: (@Sendable () -> Void)?
        }

        private static let lock = Lock(rank: .leaf, name: "ThreadPool.lock", isShared: true)
        nonisolated(unsafe) private static var idle: [Worker] = []

        static func run(_ job: @escaping @Sendable () -> Void) {
            if let worker = lock.withLock({ idle.popLast() }) {
                worker.job = job
                return worker.token.give()
            }
            let worker = Worker()
            worker.job = job
            worker.token.give()
            start(worker)
        }

        private static func start(_ worker: Worker) {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(worker).toOpaque()
            let failure = pthread_create(&thread, nil, workerMain, context)
            precondition(failure == 0, "no thread can be started: \(failure)")
            pthread_detach(thread)
        }

        fileprivate static func work(_ context: UnsafeMutableRawPointer) {
            let worker = Unmanaged<Worker>.fromOpaque(context).takeRetainedValue()
            while true {
                worker.token.take()
                worker.job?()
                worker.job = nil
                lock.withLock { idle.append(worker) }
            }
        }
    }

    @c private func workerMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let context { ThreadPool.work(context) }
        return nil
    }
#endif
