import DeviceMapper
import Glibc
import Synchronization

/// That the client of a request got a signal.
struct Interruption {
    let request: FileRequest
    /// Of the kernel's request: the object may be used for another since.
    let token: UInt
    /// The thread that waits; 0: not in our namespace.
    let client: pid_t
}

/// The requests of a session: free ones for reuse, and the interrupted ones that must be cancelled.
final class FileRequestPool: @unchecked Sendable {
    // @unchecked: what is not atomic is guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "FileRequestPool.lock")
    /// Signalled when a request is interrupted, and when one comes back while `drain` waits.
    private let changed = Condition()
    private var all: [FileRequest] = []
    /// Those of `all` that are not in use, without a count.
    private var free: [Unmanaged<FileRequest>] = []
    private var interrupted: [Interruption] = []
    /// How many signals the kernel told us of.
    private var interruptionCount = 0
    /// The session is at its end: what is cancelled now wasn't interrupted by its client.
    private let isDraining = Atomic<Bool>(false)
    private var isEnding = false

    /// Lets a free request submit what is to be answered by `reply`. ENOMEM: no memory for one more.
    func submit(_ reply: consuming Reply, _ body: (FileRequest, consuming Reply) -> Void) {
        guard let request = take() else { return reply.error(.noMemory) }
        let postponed = reply.postpone()
        // All live until the session ends, which is after the thread that calls this.
        request._withUnsafeGuaranteedRef { body($0, Reply(postponed)) }
    }

    /// A request that goes back by itself at its end. Nil: no memory for one more.
    func take() -> Unmanaged<FileRequest>? {
        if let request = lock.withLock({ free.popLast() }) { return request }
        guard MemoryReserve.allows() else { return nil }
        let request = FileRequest(pool: self)
        lock.withLock { all.append(request) }
        return .passUnretained(request)
    }

    func give(_ request: FileRequest) {
        lock.withLock {
            free.append(.passUnretained(request))
            if isOver { changed.broadcast() }
        }
    }

    /// How many are held by devices or worked on.
    var outstanding: Int { lock.withLock { all.count - free.count } }

    var interruptions: Int { lock.withLock { interruptionCount } }

    var isOver: Bool { isDraining.load(ordering: .sequentiallyConsistent) }

    // MARK: Interruption

    /// Called with a lock of libfuse held.
    func noteInterrupted(_ interruption: Interruption) {
        lock.withLock {
            interrupted.append(interruption)
            interruptionCount += 1
            changed.broadcast()
        }
    }

    /// Makes `cancelInterrupted` return.
    func endWaiting() {
        lock.withLock {
            isEnding = true
            changed.broadcast()
        }
    }

    /// Cancels requests as their clients are to end, until `endWaiting`. The kernel asks once, for the
    /// first signal, which may be harmless; and a request that no device holds at that moment can
    /// still be held by the next one below. So it is looked at again, ever less often, until it is
    /// answered.
    func cancelInterrupted() {
        var pause = FileRequestPool.shortestPause
        var pending: [Interruption] = []
        while true {
            let isOver = lock.withLock { () -> Bool in
                if interrupted.isEmpty && !isEnding {
                    if pending.isEmpty {
                        changed.wait(lock)
                    } else {
                        _ = changed.wait(lock, until: Deadline(millisecondsFromNow: pause))
                    }
                }
                if !interrupted.isEmpty { pause = FileRequestPool.shortestPause }
                pending += interrupted
                interrupted = []
                return isEnding
            }
            if isOver { return }
            pending = pending.filter { interruption in
                let request = interruption.request
                guard request.isPending(interruption.token) else { return false }
                return !Client.isAskedToEnd(interruption.client)
                    || request.cancel(interruption.token)
            }
            pause = min(pause * 2, FileRequestPool.longestPause)
        }
    }

    /// Ends what devices hold now, at the end of a session.
    func cancelAll() {
        isDraining.store(true, ordering: .sequentiallyConsistent)
        for request in lock.withLock({ all }) { request.cancelAny() }
    }

    private static let shortestPause: UInt32 = 1
    private static let longestPause: UInt32 = 200

    /// Ends everything that is under way, at the end of a session, when nothing new comes. Waits for
    /// what the backing devices are doing, at most until a deadline where there is one, but for no
    /// suspended device.
    func drain(until limit: Deadline? = nil) {
        while true {
            cancelAll()
            let isDone = lock.withLock { () -> Bool in
                if free.count < all.count {
                    let deadline = Deadline(
                        millisecondsFromNow: FileRequestPool.shortestPause * 10)
                    _ = changed.wait(lock, until: deadline)
                }
                return free.count == all.count
            }
            if isDone || limit?.hasPassed == true { return }
        }
    }
}
