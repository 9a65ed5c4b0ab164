/// Jobs that wait for a thread, and in which order they get one.
protocol JobOrder: SendableMetatype {
    associatedtype Job
    init()
    var count: Int { get }
    mutating func append(_ job: Job)
    mutating func popFirst() -> Job?
}

extension FIFO: JobOrder {}

/// Threads that do jobs. They come when a job waits and none is idle, up to a maximum, and go when idle
/// for a while.
final class WorkerThreads<Jobs: JobOrder>: @unchecked Sendable {
    // @unchecked: guarded by `lock`; what runs a job may be called on any thread.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "WorkerThreads.lock")
    private let workCame = Condition()
    private let threadGone = Condition()
    private var jobs = Jobs()
    private var threads = 0
    private var idle = 0
    private var isStopping = false
    /// Threads that stay, idle or not.
    private var kept = 0

    private let name: String
    private let kind: ThreadKind
    private let maximum: Int
    private let perform: (Jobs.Job) -> Void
    private let idleMilliseconds: UInt32 = 10_000

    /// `name`: of the threads. `perform`: does a job.
    init(
        _ name: String, _ kind: ThreadKind, maximum: Int, perform: @escaping (Jobs.Job) -> Void
    ) {
        self.name = name
        self.kind = kind
        self.maximum = max(maximum, 1)
        self.perform = perform
    }

    /// Starts a thread that stays, so that whatever becomes of the system's threads, work is never
    /// the caller's to do. Before anything is run. EAGAIN: no thread.
    func keepOne() throws(DMError) {
        lock.withLock {
            threads += 1
            kept = 1
        }
        do throws(DMError) {
            try Thread.start(name, kind) { self.work() }
        } catch {
            lock.withLock {
                threads -= 1
                kept = 0
            }
            throw error
        }
    }

    /// Does `job` on one of the threads, soon.
    func run(_ job: Jobs.Job) {
        let needsThread = lock.withLock { () -> Bool in
            precondition(!isStopping, "work for threads that were stopped")
            jobs.append(job)
            if idle >= jobs.count {
                workCame.signal()
                return false
            }
            guard threads < maximum else { return false }
            threads += 1
            return true
        }
        guard needsThread else { return }
        do {
            guard MemoryReserve.allows(Thread.stackSize) else { throw DMError(.noMemory) }
            try Thread.start(name, kind) { self.work() }
        } catch {
            // The system is out of threads, or of memory for one. Those that run take the job; where
            // none was kept and none runs, we must.
            let isOnly = lock.withLock { () -> Bool in
                threads -= 1
                return threads == 0
            }
            if isOnly { runWaitingJobs() }
        }
    }

    /// Ends the threads when no work is left. Nothing may be given to them any more.
    func stop() {
        lock.withLock {
            isStopping = true
            workCame.broadcast()
            while threads > 0 { threadGone.wait(lock) }
        }
    }

    private func work() {
        while let job = nextJob() { perform(job) }
    }

    private func nextJob() -> Jobs.Job? {
        lock.withLock {
            while jobs.count == 0 {
                guard !isStopping else { return leave() }
                idle += 1
                let inTime = waitForWork()
                idle -= 1
                if !inTime && jobs.count == 0 && threads > kept { return leave() }
            }
            return jobs.popFirst()
        }
    }

    /// Under `lock`. False: none came for a while. Who stays anyway waits without a timer.
    private func waitForWork() -> Bool {
        guard threads > kept else {
            workCame.wait(lock)
            return true
        }
        return workCame.wait(lock, until: Deadline(millisecondsFromNow: idleMilliseconds))
    }

    private func leave() -> Jobs.Job? {
        threads -= 1
        threadGone.broadcast()
        return nil
    }

    private func runWaitingJobs() {
        kind.run {
            while let job = lock.withLock({ jobs.popFirst() }) { perform(job) }
        }
    }
}
