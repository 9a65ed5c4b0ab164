import SystemPackage

/// Requests that targets hold for a time: a heap of them, and one thread that lets them go when
/// their time has come. It does none of their I/O.
package final class HoldTimer: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    private struct Entry {
        /// In `Deadline.nowMilliseconds`.
        let due: UInt64
        /// Of arrival, which decides between equal times.
        let order: UInt64
        let request: IORequest
        /// Borrowed: the request is in flight, which keeps its target.
        let target: Unmanaged<HoldingTarget>

        static func < (left: Entry, right: Entry) -> Bool {
            (left.due, left.order) < (right.due, right.order)
        }
    }

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "HoldTimer.lock")
    private let changed = Condition()
    /// The earliest first; entry k is before 2k+1 and 2k+2.
    private var heap: [Entry] = []
    private var lastOrder: UInt64 = 0
    private var hasThread = false
    private var isStopping = false
    private var isShut = false

    private static let keptCapacity = 1024

    let memory: HeldMemory

    init(memory: HeldMemory) { self.memory = memory }

    /// Starts the thread if there is none: for the constructor of a target that will hold requests.
    /// EAGAIN.
    func start() throws(DMError) {
        let isFirst = lock.withLock { () -> Bool in
            defer { hasThread = true }
            return !hasThread
        }
        guard isFirst else { return }
        do {
            try Thread.start("dmfuse-timer") { [self] in work() }
        } catch {
            lock.withLock { hasThread = false }
            throw error
        }
    }

    // MARK: Holding

    /// Keeps a request of `target` for so long, or lets it go at once when the target does not hold
    /// requests any more. ENOMEM: the request fails, since its bytes can't be kept.
    func hold(_ request: IORequest, for target: HoldingTarget, milliseconds: UInt32) {
        let holder = Unmanaged.passUnretained(target)
        memory.keep(request) { [self] error in
            if let error { return request.finish(error) }
            holder._withUnsafeGuaranteedRef {
                insert(request, for: $0, milliseconds: milliseconds)
            }
        }
    }

    private func insert(
        _ request: IORequest, for target: HoldingTarget, milliseconds: UInt32
    ) {
        enum Outcome { case held, passed, refused }
        let outcome = lock.withLock { () -> Outcome in
            if isShut { return request.handle == nil ? .passed : .refused }
            guard target.holds else { return .passed }
            lastOrder += 1
            // The clock's milliseconds are rounded down: never let go too early.
            let due = Deadline.nowMilliseconds + UInt64(milliseconds) + 1
            target.noteHold(request.operation, 1)
            push(
                Entry(
                    due: due, order: lastOrder, request: request,
                    target: Unmanaged.passUnretained(target)))
            if heap[0].order == lastOrder { changed.signal() }
            return .held
        }
        switch outcome {
        case .held: break
        case .passed: target.letGo(request)
        case .refused: request.finish(.ioError)
        }
    }

    /// Lets go what a target holds, in order of arrival: it is about to be suspended. Its `holds`
    /// must be false already.
    func letGoAll(of target: HoldingTarget) {
        let address = Unmanaged.passUnretained(target).toOpaque()
        release(take { $0.target.toOpaque() == address }.sorted { $0.order < $1.order })
    }

    /// Whether a held request matches.
    func holds(where matches: (IORequest) -> Bool) -> Bool {
        lock.withLock { heap.contains { matches($0.request) } }
    }

    /// Takes back what is held of a request: its client gave it up.
    func withdraw(_ whole: IORequest) -> [IORequest] {
        lock.withLock {
            var withdrawn: [IORequest] = []
            while let index = heap.firstIndex(where: { $0.request.belongs(to: whole) }) {
                let entry = remove(at: index)
                noteEnd(entry)
                withdrawn.append(entry.request)
                // Held as a whole, it has no parts.
                if entry.request === whole { break }
            }
            return withdrawn
        }
    }

    /// Fails what is held for openers, and refuses what comes: for the end of the daemon. What targets of a device
    /// above do by themselves goes on, and isn't held any more.
    func shut() {
        lock.withLock { isShut = true }
        let held = take { _ in true }
        for entry in held where entry.request.handle != nil { entry.request.finish(.ioError) }
        release(held.filter { $0.request.handle == nil })
    }

    /// Ends the thread. After `shut`.
    func stop() {
        lock.withLock {
            isStopping = true
            changed.broadcast()
            while hasThread { changed.wait(lock) }
        }
    }

    private func take(_ isWanted: (Entry) -> Bool) -> [Entry] {
        lock.withLock {
            let taken = heap.filter(isWanted)
            guard !taken.isEmpty else { return [] }
            let left = heap.filter { !isWanted($0) }
            heap = []
            for entry in left { push(entry) }
            for entry in taken { noteEnd(entry) }
            return taken
        }
    }

    /// Under `lock`.
    private func noteEnd(_ entry: Entry) {
        entry.target._withUnsafeGuaranteedRef { $0.noteHold(entry.request.operation, -1) }
    }

    // MARK: Letting go

    private func work() {
        while let due = nextDue() { release(due) }
    }

    /// Waits until the time of something has come. Nil: the end.
    private func nextDue() -> [Entry]? {
        lock.withLock {
            while true {
                guard let first = heap.first else {
                    if isStopping {
                        hasThread = false
                        changed.broadcast()
                        return nil
                    }
                    changed.wait(lock)
                    continue
                }
                let now = Deadline.nowMilliseconds
                if first.due <= now { return popAll(until: now) }
                let pause = UInt32(clamping: first.due - now)
                _ = changed.wait(lock, until: Deadline(millisecondsFromNow: pause))
            }
        }
    }

    /// Under `lock`.
    private func popAll(until now: UInt64) -> [Entry] {
        var due: [Entry] = []
        while let first = heap.first, first.due <= now {
            due.append(first)
            noteEnd(first)
            remove(at: 0)
        }
        return due
    }

    /// Sends requests on, their I/O to be done by I/O threads.
    private func release(_ entries: [Entry]) {
        for entry in entries {
            entry.request.placement = .handOver
            entry.target._withUnsafeGuaranteedRef { $0.letGo(entry.request) }
        }
    }

    // MARK: The heap, under `lock`

    private func push(_ entry: Entry) {
        heap.append(entry)
        rise(from: heap.count - 1)
    }

    /// Takes an entry out. The last one gets its place, and goes from there to where it belongs.
    @discardableResult
    private func remove(at index: Int) -> Entry {
        heap.swapAt(index, heap.count - 1)
        let removed = heap.removeLast()
        // The room that a burst needed isn't kept.
        if heap.isEmpty && heap.capacity > HoldTimer.keptCapacity { heap = [] }
        if index < heap.count {
            rise(from: index)
            sink(from: index)
        }
        return removed
    }

    private func rise(from index: Int) {
        var place = index
        while place > 0, heap[place] < heap[(place - 1) / 2] {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private func sink(from index: Int) {
        var place = index
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && heap[child] < heap[least] { least = child }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
