import SystemPackage
import Synchronization

/// A device's requests: the count of those in flight, and those deferred while it is suspended.
///
/// A request that was admitted counts as in flight until it leaves, which keeps the live table
/// where it is: suspend blocks the queue and waits for the count. A blocked queue holds requests,
/// never threads.
final class RequestQueue: @unchecked Sendable {
    // @unchecked: what is mutable is atomic or guarded by `ioLock`.

    enum Admission { case admitted, deferred, refused }

    /// Guards `isBlocked` (its changes), `isShut`, `isOverForAll`, `isSealed`, `deferred`, and goes with `wait`.
    /// The seed's io_lock.
    private let ioLock = Lock(rank: .io, name: "RequestQueue.ioLock")
    /// Signalled when the last request leaves a blocked queue, and when it is unsealed. The seed's
    /// md->wait.
    private let wait = Condition()
    private var deferred = FIFO<IORequest>()
    private var isShut = false
    /// Also for requests of our own, which the end of a device above still needs.
    private var isOverForAll = false
    /// The live table is being exchanged.
    private var isSealed = false

    /// The seed's DMF_BLOCK_IO: read without the lock after the count was raised, changed under it
    /// before the count is looked at; so either the request sees the flag or suspend sees the
    /// request.
    private let isBlocked = Atomic<Bool>(false)
    private let inFlight = Atomic<Int>(0)
    private let lifecycle: Lifecycle

    init(lifecycle: Lifecycle) {
        self.lifecycle = lifecycle
        lifecycle.note(.queueAllocated)
    }

    deinit { lifecycle.note(.queueFreed) }

    /// Admits a request. False: the queue is blocked.
    func enter() -> Bool {
        inFlight.add(1, ordering: .sequentiallyConsistent)
        Seam.step("queue: counted, flag not read")
        if !isBlocked.load(ordering: .sequentiallyConsistent) { return true }
        leave()
        return false
    }

    /// Defers a request, which must own its bytes. `admitted`: the queue was unblocked meanwhile. `refused`: it
    /// was shut for good.
    func deferOrEnter(_ request: IORequest) -> Admission {
        ioLock.withLock {
            if isShut {
                guard request.handle == nil else { return .refused }
                while isSealed { wait.wait(ioLock) }
                guard !isOverForAll else { return .refused }
                inFlight.add(1, ordering: .sequentiallyConsistent)
                return .admitted
            }
            guard isBlocked.load(ordering: .relaxed) else {
                inFlight.add(1, ordering: .sequentiallyConsistent)
                return .admitted
            }
            deferred.append(request)
            return .deferred
        }
    }

    /// Counts what goes on in a blocked queue: a flush of our own, a target's own I/O, a message. It waits only
    /// for the moment in which the live table is exchanged.
    func enterBypassing() {
        ioLock.withLock {
            while isSealed { wait.wait(ioLock) }
            inFlight.add(1, ordering: .sequentiallyConsistent)
        }
    }

    /// An admitted request is done with this device.
    func leave() {
        let left = inFlight.subtract(1, ordering: .sequentiallyConsistent).newValue
        Seam.step("queue: left, waiter not woken")
        if left == 0 && isBlocked.load(ordering: .sequentiallyConsistent) {
            ioLock.withLock { wait.broadcast() }
        }
    }

    /// Whether requests are deferred or refused at present: true while suspended, too.
    var isBlocking: Bool { isBlocked.load(ordering: .sequentiallyConsistent) }

    /// From here on requests are deferred.
    func block() {
        ioLock.withLock { isBlocked.store(true, ordering: .sequentiallyConsistent) }
    }

    /// Waits until nothing is in flight in the blocked queue. EINTR.
    func waitUntilIdle(_ interrupt: Interrupt?) throws(DMError) {
        try wait.wait(ioLock, interrupt, until: { isIdle }, then: {})
    }

    /// The same, and nothing enters afterwards, not even by `enterBypassing`, until `unseal`: the
    /// live table may be exchanged. Keep that short.
    func waitUntilIdleAndSeal(_ interrupt: Interrupt?) throws(DMError) {
        try wait.wait(ioLock, interrupt, until: { isIdle }, then: { isSealed = true })
    }

    private var isIdle: Bool { inFlight.load(ordering: .sequentiallyConsistent) == 0 }

    func unseal() {
        ioLock.withLock {
            isSealed = false
            wait.broadcast()
        }
    }

    /// Admits again, and gives out what was deferred, in order of arrival, counted as in flight.
    func unblock() -> [IORequest] {
        ioLock.withLock {
            guard !isShut else { return [] }
            let requests = deferred.takeAll()
            inFlight.add(requests.count, ordering: .sequentiallyConsistent)
            isBlocked.store(false, ordering: .sequentiallyConsistent)
            return requests
        }
    }

    /// Refuses from here on: for a removal `forAll`, for the end of the daemon what openers ask for. Gives out what
    /// was deferred: what is to be failed, and what goes on, counted as in flight.
    func shut(forAll: Bool) -> (refused: [IORequest], admitted: [IORequest]) {
        ioLock.withLock {
            isShut = true
            isOverForAll = isOverForAll || forAll
            isBlocked.store(true, ordering: .sequentiallyConsistent)
            let requests = deferred.takeAll()
            guard !isOverForAll else { return (requests, []) }
            let admitted = requests.filter { $0.handle == nil }
            inFlight.add(admitted.count, ordering: .sequentiallyConsistent)
            return (requests.filter { $0.handle != nil }, admitted)
        }
    }

    /// Whether everything that openers ask for is refused for good.
    var isOver: Bool { ioLock.withLock { isShut } }

    /// Whether a deferred request matches.
    func holds(where matches: (IORequest) -> Bool) -> Bool {
        ioLock.withLock { deferred.contains(where: matches) }
    }

    /// Takes back the deferred requests that are `whole` or parts of it.
    func withdraw(_ whole: IORequest) -> [IORequest] {
        ioLock.withLock {
            var withdrawn: [IORequest] = []
            while let request = deferred.remove(where: { $0.belongs(to: whole) }) {
                withdrawn.append(request)
                // Deferred as a whole, it has no parts.
                if request === whole { break }
            }
            return withdrawn
        }
    }
}
