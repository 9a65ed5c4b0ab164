import SystemPackage

/// Who has requests kept in order.
protocol RangeOrderOwner: AnyObject {
    /// Sends a request on whose turn has come. Any thread, no lock held; must not wait.
    func startInOrder(_ request: IORequest)
    /// A request that waited won't be started but finished: it gets the frames that starting it would have
    /// given it. Under the order's lock, a leaf: takes no lock, and finishes nothing.
    func enterInOrder(_ request: IORequest)
}

/// Keeps requests to overlapping bytes in their order of arrival.
///
/// Requests that share bytes start in order of arrival if one of the two excludes others: the later one when the
/// earlier one has ended, on whatever thread that was. All others run side by side. A waiting request is an entry
/// in a list, never a thread.
final class RangeOrder<Owner: RangeOrderOwner>: EndWatcher, @unchecked Sendable {
    // @unchecked: guarded by `lock`; `owner` is immutable.

    private struct Entry {
        let number: Int
        /// Nil: it was started.
        var waiting: IORequest?
        let bytes: Range<UInt64>
        let excludesOthers: Bool
        /// Earlier ones that it waits for.
        var blockers = 0

        func conflicts(with other: Entry) -> Bool {
            (excludesOthers || other.excludesOthers) && bytes.overlaps(other.bytes)
        }
    }

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "RangeOrder.lock")
    /// Those that haven't ended, in order of arrival.
    private var entries: [Entry] = []
    /// Numbers of those whose turn has come.
    private var ready = FIFO<Int>()
    private var isStarting = false
    private var lastNumber = 0

    /// Borrowed: it has this, and requests in flight keep it. Set once, before the first request.
    private var owner: Unmanaged<Owner>?

    func begin(of owner: Owner) { self.owner = .passUnretained(owner) }

    // MARK: Starting

    /// Starts a request about these bytes, now or when its turn has come: then always by an I/O thread.
    func submit(_ request: IORequest, about bytes: Range<UInt64>, excludesOthers: Bool) {
        let number = lock.withLock { () -> Int? in
            lastNumber += 1
            var entry = Entry(
                number: lastNumber, waiting: request, bytes: bytes, excludesOthers: excludesOthers)
            entry.blockers = entries.count { $0.conflicts(with: entry) }
            if entry.blockers == 0 { entry.waiting = nil }
            entries.append(entry)
            return entry.blockers == 0 ? lastNumber : nil
        }
        // One that waits may have ended by now, and all of this may be gone.
        guard let number else { return }
        request.watch(asWatcher, tag: number)
        owner?._withUnsafeGuaranteedRef { $0.startInOrder(request) }
    }

    /// Starts those whose turn has come. A request in flight holds the owner.
    private func startReady() {
        // Until the end of this, whatever the requests' ends free.
        let kept = Unmanaged.passRetained(self)
        defer { kept.release() }
        // One thread at a time: a request that ends at once starts no other from within its end.
        let isOurs = lock.withLock { () -> Bool in
            defer { isStarting = true }
            return !isStarting
        }
        guard isOurs else { return }
        while let (number, request) = next() {
            // This thread has ended another request: it isn't here to do I/O.
            request.placement = .handOver
            request.watch(asWatcher, tag: number)
            owner?._withUnsafeGuaranteedRef { $0.startInOrder(request) }
        }
    }

    private func next() -> (Int, IORequest)? {
        lock.withLock {
            while let number = ready.popFirst() {
                // One that isn't waiting was withdrawn.
                guard let index = index(of: number), let request = entries[index].waiting else {
                    continue
                }
                entries[index].waiting = nil
                return (number, request)
            }
            isStarting = false
            return nil
        }
    }

    override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
        let isAnyReady = lock.withLock { () -> Bool in
            guard let index = index(of: tag) else { preconditionFailure("a request ended twice") }
            let ended = entries.remove(at: index)
            for later in entries.indices[index...] where entries[later].conflicts(with: ended) {
                entries[later].blockers -= 1
                if entries[later].blockers == 0 { ready.append(entries[later].number) }
            }
            return !ready.isEmpty
        }
        if isAnyReady { startReady() }
        return .ended(error)
    }

    /// Under `lock`. Numbers rise.
    private func index(of number: Int) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].number == number ? low : nil
    }

    private var asWatcher: Unmanaged<EndWatcher> { .passUnretained(self) }

    // MARK: Those that wait

    /// Whether one that waits matches.
    func holds(where matches: (IORequest) -> Bool) -> Bool {
        lock.withLock { entries.contains { $0.waiting.map(matches) ?? false } }
    }

    /// Takes those out that wait and match, for the caller to finish.
    func withdraw(where matches: (IORequest) -> Bool) -> [IORequest] {
        lock.withLock {
            entries.indices.compactMap { index in
                guard let request = entries[index].waiting, matches(request) else { return nil }
                entries[index].waiting = nil
                request.watch(asWatcher, tag: entries[index].number)
                owner?._withUnsafeGuaranteedRef { $0.enterInOrder(request) }
                return request
            }
        }
    }
}

extension IORequest {
    /// The bytes that it is about; none of a flush.
    var bytesOfDevice: Range<UInt64> {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
        return offset..<(overflow ? .max : end)
    }

    /// Splits requests into those that overlap no other one that changes what they have, and the rest. Both
    /// in order of arrival, as they come.
    static func sortByConflict(
        _ requests: [IORequest]
    ) -> (free: [IORequest], conflicting: [IORequest]) {
        var isFree = Array(repeating: true, count: requests.count)
        // Those that follow each other without a gap.
        var group: [Int] = []
        var end: UInt64 = 0
        func closeGroup() {
            if group.count > 1, group.contains(where: { requests[$0].operation.isChange }) {
                for index in group { isFree[index] = false }
            }
            group = []
        }
        for index in requests.indices.sorted(by: { requests[$0].offset < requests[$1].offset }) {
            let bytes = requests[index].bytesOfDevice
            if bytes.lowerBound >= end { closeGroup() }
            group.append(index)
            end = max(end, bytes.upperBound)
        }
        closeGroup()
        return (
            requests.indices.filter { isFree[$0] }.map { requests[$0] },
            requests.indices.filter { !isFree[$0] }.map { requests[$0] }
        )
    }
}
