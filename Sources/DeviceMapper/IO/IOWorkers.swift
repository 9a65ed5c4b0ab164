/// I/O threads, and a bound on other threads that do I/O.
///
/// A thread that brings a request, such as one that serves the mount, does its I/O itself while fewer than
/// `inlineLimit` do. So one slow backing file never stops them all.
package final class IOWorkers: Sendable {
    private let threads: WorkerThreads<FIFO<@Sendable () -> Void>>
    private let inline: Bound

    /// `inlineLimit`: threads from outside that may do I/O at once, one less than there are.
    package init(inlineLimit: Int, maximumThreads: Int = 256) {
        inline = Bound(max(inlineLimit, 0))
        threads = WorkerThreads("dmfuse-io", .io, maximum: maximumThreads) { $0() }
    }

    /// See `WorkerThreads`. EAGAIN: no thread.
    package func keepOne() throws(DMError) { try threads.keepOne() }

    /// True: the caller may do its I/O now, and calls `endInline` afterwards.
    func beginInline() -> Bool { inline.begin() }

    func endInline() { inline.end() }

    /// Runs `job` on an I/O thread, soon.
    package func run(_ job: @escaping @Sendable () -> Void) { threads.run(job) }

    /// Ends the threads when no work is left. Nothing may be given to them any more.
    package func stop() { threads.stop() }
}
