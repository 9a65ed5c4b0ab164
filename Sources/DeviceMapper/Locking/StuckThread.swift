import Glibc
import Synchronization

/// Whether a thread of ours waits in the kernel for something that doesn't come, or only gets no CPU. For
/// one thread, which looks at it every now and then.
package final class StuckThread: @unchecked Sendable {
    // @unchecked: of the thread that looks, but for the descriptor.

    /// Of its status in /proc; it shows that thread whoever reads it. -1: not yet, or there is none.
    private let status = Atomic<Int32>(-1)
    private let hasBegun = Atomic<Bool>(false)
    /// Of the newest look: how often it has gone to sleep so far.
    private var sleeps: UInt64?
    private var looks = 0

    /// So many looks one after the other must find it in the same sleep.
    package static let enough = 10

    package init() {}

    deinit {
        let file = status.load(ordering: .acquiring)
        if file >= 0 { close(file) }
    }

    /// On that thread, once.
    package func begin() {
        status.store(open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC), ordering: .releasing)
        hasBegun.store(true, ordering: .releasing)
    }

    /// What it waited for so far is known.
    package func forget() {
        sleeps = nil
        looks = 0
    }

    /// One look.
    package func isStuck() -> Bool {
        guard hasBegun.load(ordering: .acquiring) else { return false }
        return note(read())
    }

    private func read() -> ThreadStatus? {
        let file = status.load(ordering: .acquiring)
        return file < 0 ? nil : ProcLine.read(file, ThreadStatus.init(status:))
    }

    /// What a look has found; nil: /proc can't be read, and it may be asleep.
    package func note(_ status: ThreadStatus?) -> Bool {
        let isSame = status.map { $0.isWaiting && (sleeps ?? $0.sleeps) == $0.sleeps } ?? true
        sleeps = status?.sleeps
        looks = isSame ? looks + 1 : 0
        return looks >= StuckThread.enough
    }
}
