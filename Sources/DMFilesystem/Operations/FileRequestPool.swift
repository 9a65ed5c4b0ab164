import DeviceMapper
import Glibc
import Synchronization

/// The requests of a session: free ones for reuse, and the interrupted ones that must be cancelled.
///
/// So many as are usually under way stay until the session ends; beyond these, they are kept for some
/// seconds.
final class FileRequestPool: KeepsMemory, @unchecked Sendable {
    // @unchecked: what is not atomic is guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "FileRequestPool.lock")
    /// Signalled when a request is interrupted, and when one comes back while `drain` waits.
    private let changed = Condition()
    /// By their addresses.
    private var all: [UnsafeMutableRawPointer: FileRequest] = [:]
    /// Those of `all` that are not in use, without a count.
    private var free: [Unmanaged<FileRequest>] = []
    private var freeSurplus = Idle<FileRequest>()
    private var permanent = 0
    private static let mostPermanent = 256
    private var interrupted: [Interruption<FileRequest>] = []
    /// How many signals the kernel told us of.
    private var interruptionCount = 0
    /// The session is at its end: what is cancelled now wasn't interrupted by its client.
    private let isDraining = Atomic<Bool>(false)
    private var isEnding = false

    /// Lets a free request submit what is to be answered by `reply`. ENOMEM: no memory for one more.
    func submit(_ reply: consuming Reply, _ body: (FileRequest, consuming Reply) -> Void) {
        guard let request = take() else { return reply.error(.noMemory) }
        let postponed = reply.postpone()
        request._withUnsafeGuaranteedRef { request in
            // The others live until the session ends, which is after the thread that calls this.
            let whole = request.isSurplus ? Unmanaged.passRetained(request) : nil
            body(request, Reply(postponed))
            whole?.release()
        }
    }

    /// A request that goes back by itself at its end. Nil: no memory for one more.
    func take() -> Unmanaged<FileRequest>? {
        let found = lock.withLock { () -> Unmanaged<FileRequest>? in
            if let request = free.popLast() { return request }
            return freeSurplus.popLast().map(Unmanaged.passUnretained)
        }
        if let found { return found }
        guard MemoryReserve.allows() else { return nil }
        let isSurplus = lock.withLock { () -> Bool in
            guard permanent < FileRequestPool.mostPermanent else { return true }
            permanent += 1
            return false
        }
        let request = FileRequest(pool: self, isSurplus: isSurplus)
        let unmanaged = Unmanaged.passUnretained(request)
        lock.withLock { all[unmanaged.toOpaque()] = request }
        return unmanaged
    }

    func give(_ request: FileRequest) {
        // The others may be freed, at the end of the session, once they are given back.
        let isSurplus = request.isSurplus
        lock.withLock {
            if isSurplus {
                freeSurplus.append(request)
            } else {
                free.append(.passUnretained(request))
            }
            if isOver { changed.broadcast() }
        }
        if isSurplus { IdleMemory.shared.note() }
    }

    func letGoOfUnneeded() -> Bool {
        let (unneeded, old, isMore) = lock.withLock {
            () -> ([FileRequest], [UnsafeMutableRawPointer: FileRequest], Bool) in
            let unneeded = freeSurplus.takeUnneeded()
            var old: [UnsafeMutableRawPointer: FileRequest] = [:]
            for request in unneeded {
                all[Unmanaged.passUnretained(request).toOpaque()] = nil
            }
            if !unneeded.isEmpty, all.capacity > 4 * max(all.count, FileRequestPool.mostPermanent) {
                // A dictionary doesn't give up room by itself.
                old = all
                all = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0.value) })
            }
            return (unneeded, old, freeSurplus.count > 0)
        }
        // Freed here, without the lock.
        withExtendedLifetime((unneeded, old)) {}
        return isMore
    }

    /// Under `lock`.
    private var isAllFree: Bool { free.count + freeSurplus.count == all.count }

    /// How many are held by devices or worked on.
    var outstanding: Int { lock.withLock { all.count - free.count - freeSurplus.count } }

    /// Whether a request of one of these openers isn't answered.
    func isServing(_ openers: [ObjectIdentifier]) -> Bool {
        let addresses = Set(openers.map { UInt(bitPattern: $0) })
        return lock.withLock { all.values.contains { $0.isOf(addresses) } }
    }

    var interruptions: Int { lock.withLock { interruptionCount } }

    var isOver: Bool { isDraining.load(ordering: .sequentiallyConsistent) }

    // MARK: Interruption

    /// The client of the request that was submitted with that object got a signal. Called with a lock of
    /// libfuse held, so it is only noted.
    func noteInterrupted(at address: UnsafeMutableRawPointer, token: UInt, client: pid_t) {
        lock.withLock {
            // Else it was answered and freed meanwhile.
            guard let request = all[address], request.noteInterrupt(token) else { return }
            interrupted.append(Interruption(request: request, token: token, client: client))
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

    /// Cancels requests as their clients are to end, until `endWaiting`.
    func cancelInterrupted() {
        var requests = InterruptedRequests<FileRequest>(signals: ClientThread.signals)
        var pace = LookPace()
        while let new = nextInterrupted(until: requests.isEmpty ? nil : pace.next) {
            for interruption in new { requests.add(interruption) }
            if !new.isEmpty { pace.begin(at: Deadline.nowMilliseconds) }
            guard !requests.isEmpty, Deadline.nowMilliseconds >= pace.next else { continue }
            let begin = LookPace.used
            requests.lookAgain()
            pace.noteLook(LookPace.used - begin, at: Deadline.nowMilliseconds)
        }
    }

    /// Those that came, or none at a time in monotonic milliseconds. Nil: `endWaiting`.
    private func nextInterrupted(until time: UInt64?) -> [Interruption<FileRequest>]? {
        lock.withLock {
            while interrupted.isEmpty && !isEnding {
                guard let time else {
                    changed.wait(lock)
                    continue
                }
                let now = Deadline.nowMilliseconds
                guard now < time else { break }
                let pause = UInt32(clamping: time - now)
                _ = changed.wait(lock, until: Deadline(millisecondsFromNow: pause))
            }
            if isEnding { return nil }
            defer { interrupted = [] }
            return interrupted
        }
    }

    /// Ends what devices hold now, at the end of a session.
    func cancelAll() {
        isDraining.store(true, ordering: .sequentiallyConsistent)
        for request in lock.withLock({ Array(all.values) }) { request.cancelAny() }
    }

    /// Between two attempts to end what is held, in milliseconds.
    private static let drainPause: UInt32 = 10

    /// Ends everything that is under way, at the end of a session, when nothing new comes. Waits for
    /// what the backing devices are doing, at most until a deadline where there is one, but for no
    /// suspended device.
    func drain(until limit: Deadline? = nil) {
        while true {
            cancelAll()
            let isDone = lock.withLock { () -> Bool in
                if !isAllFree {
                    let deadline = Deadline(millisecondsFromNow: FileRequestPool.drainPause)
                    _ = changed.wait(lock, until: deadline)
                }
                return isAllFree
            }
            if isDone || limit?.hasPassed == true { return }
        }
    }
}
