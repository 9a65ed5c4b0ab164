import Synchronization

/// The threads that do I/O which nobody else may wait for, and the bound on those who do it
/// themselves.
///
/// A thread that brings a request, such as one that serves the mount, does the I/O itself where
/// that leaves another such thread free: so one slow backing file never stops the others. Threads
/// come when work waits and none is idle, up to a maximum, and go when idle for a while.
package final class IOWorkers: @unchecked Sendable {
    // @unchecked: what is mutable is atomic or guarded by `lock`.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "IOWorkers.lock")
    private let workCame = Condition()
    private let threadGone = Condition()
    private var jobs = FIFO<@Sendable () -> Void>()
    private var threads = 0
    private var idle = 0
    private var isStopping = false
    /// Threads that stay, idle or not.
    private var kept = 0

    private let maximumThreads: Int
    private let inline: Bound
    private static let idleMilliseconds: UInt32 = 10_000

    /// `inlineLimit`: threads from outside that may do I/O at once, one less than there are.
    package init(inlineLimit: Int, maximumThreads: Int = 256) {
        inline = Bound(max(inlineLimit, 0))
        self.maximumThreads = max(maximumThreads, 1)
    }

    /// Starts a thread that stays, so that whatever becomes of the system's threads, work is never
    /// the caller's to do. Before anything is run. EAGAIN: no thread.
    package func keepOne() throws(DMError) {
        lock.withLock {
            threads += 1
            kept = 1
        }
        do throws(DMError) {
            try Thread.start("dmfuse-io", .io) { self.work() }
        } catch {
            lock.withLock {
                threads -= 1
                kept = 0
            }
            throw error
        }
    }

    /// True: the caller may do its I/O now, and calls `endInline` afterwards.
    func beginInline() -> Bool { inline.begin() }

    func endInline() { inline.end() }

    /// Runs `job` on an I/O thread, soon.
    func run(_ job: @escaping @Sendable () -> Void) {
        let needsThread = lock.withLock { () -> Bool in
            precondition(!isStopping, "work for I/O threads that were stopped")
            jobs.append(job)
            if idle >= jobs.count {
                workCame.signal()
                return false
            }
            guard threads < maximumThreads else { return false }
            threads += 1
            return true
        }
        guard needsThread else { return }
        do {
            guard MemoryReserve.allows(Thread.stackSize) else { throw DMError(.noMemory) }
            try Thread.start("dmfuse-io", .io) { self.work() }
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
        while let job = nextJob() { job() }
    }

    private func nextJob() -> (@Sendable () -> Void)? {
        lock.withLock {
            while jobs.isEmpty {
                guard !isStopping else { return leave() }
                idle += 1
                let inTime = waitForWork()
                idle -= 1
                if !inTime && jobs.isEmpty && threads > kept { return leave() }
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
        return workCame.wait(
            lock, until: Deadline(millisecondsFromNow: IOWorkers.idleMilliseconds))
    }

    private func leave() -> (@Sendable () -> Void)? {
        threads -= 1
        threadGone.broadcast()
        return nil
    }

    private func runWaitingJobs() {
        ThreadKind.io.run {
            while let job = lock.withLock({ jobs.popFirst() }) { job() }
        }
    }
}
