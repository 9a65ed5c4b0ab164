import SystemPackage

/// A file or block device that tables map to, open once for all of them.
///
/// The I/O of a synchronous store is done on the thread that brings the request, while the bound on
/// such threads allows it, else on an I/O thread. At most `threadsForOne` I/O threads work for one
/// device, so that a slow one doesn't take them all. An asynchronous store gets its transfers on
/// the thread that brings the request, whatever that is (`BackingDevice+Transfers.swift`).
package final class BackingDevice: @unchecked Sendable {
    // @unchecked: what is mutable is atomic or guarded by `lock`.

    package let number: DeviceNumber
    /// For messages: the last component of the path.
    package let name: String
    /// Where it was opened last, for `table --paths`; nil for a store that is no file.
    package let path: ByteString?
    package let store: any BackingStore
    /// The store as a synchronous one. Not optional: that would cost each request a retain. For an asynchronous
    /// store it is `NoCalls`.
    private let calls: any SynchronousStore
    let asynchronous: (any AsynchronousStore)?
    let workers: IOWorkers
    private let onRelease: @Sendable () -> Void

    /// Guards `queue`, `busyThreads`, `waitingFlushes` and `isFlushing`. Leaf.
    private let lock = Lock(rank: .leaf, name: "BackingDevice.lock")
    private var queue = FIFO<IORequest>()
    private var busyThreads = 0
    private var waitingFlushes: [IORequest] = []
    private var isFlushing = false

    private let errors = WriteBackErrors()

    private let pace = Pace()

    private static let threadsForOne = 4

    /// `onRelease`: called for each `release`, once for each user that was given the device.
    package init(
        number: DeviceNumber, name: String, path: ByteString?, store: AnyStore,
        workers: IOWorkers, onRelease: @escaping @Sendable () -> Void
    ) {
        self.number = number
        self.name = name
        self.path = path
        self.store = store.store
        switch store {
        case .synchronous(let store):
            calls = store
            asynchronous = nil
        case .asynchronous(let store):
            calls = NoCalls()
            asynchronous = store
        }
        self.workers = workers
        self.onRelease = onRelease
    }

    /// A table is done with it.
    func release() { onRelease() }

    /// Takes a request whose `offset` is a byte of this device. The caller holds the device until
    /// it returns, which may be after the end of the request.
    func submit(_ request: IORequest) {
        if let asynchronous { return begin(request, asynchronous) }
        if !performInPlace(request) { enqueue(request) }
    }

    /// Whether the device is needed when the request has ended: after a flush those that waited for
    /// it are seen to.
    static func hasWorkAfter(_ request: IORequest) -> Bool {
        request.operation == .flush || request.forceUnitAccess
    }

    /// Of a synchronous store: does the I/O here, if this thread may wait. False: nothing was begun. Nothing
    /// touches the device after the request's end, which may free it, unless it `hasWorkAfter`.
    @inline(never)
    func performInPlace(_ request: IORequest) -> Bool {
        guard !request.placement.isHandOver else { return false }
        if request.placement.isOnIOThread { return performHere(request) }
        // A range may be a whole device that is filled with zeros: nobody does that on the way.
        guard !request.operation.isRange else { return false }
        // They belong to the registry, which outlives the device.
        let workers = Unmanaged.passUnretained(self.workers)
        guard workers._withUnsafeGuaranteedRef({ $0.beginInline() }) else { return false }
        let isDone = performHere(request)
        workers._withUnsafeGuaranteedRef { $0.endInline() }
        return isDone
    }

    /// Does the I/O here. False: other parts follow, and the device is slow.
    @inline(__always)
    private func performHere(_ request: IORequest) -> Bool {
        if request.mayBorrow, lend(request) {
            request.finish(nil)
            return true
        }
        if request.placement.dependsOnPace && pace.isSlow { return false }
        perform(request)
        return true
    }

    /// Of a synchronous store: leaves the request to an I/O thread. The caller holds the device
    /// until it returns: as soon as it is queued, it may be done.
    func enqueue(_ request: IORequest) {
        let needsThread = lock.withLock { () -> Bool in
            queue.append(request)
            guard busyThreads < BackingDevice.threadsForOne else { return false }
            busyThreads += 1
            return true
        }
        if needsThread { workers.run { self.drain() } }
    }

    /// On an I/O thread: works until nothing is queued.
    private func drain() {
        while true {
            let next = lock.withLock { () -> IORequest? in
                if let request = queue.popFirst() { return request }
                busyThreads -= 1
                return nil
            }
            guard let next else { return }
            next.placement = next.placement.onIOThread
            if next.mayBorrow, lend(next) { next.finish(nil) } else { perform(next) }
        }
    }

    /// Leaves the bytes of a read where they are. False: they must be read.
    private func lend(_ request: IORequest) -> Bool {
        guard request.stretches.count(in: request.length) <= LentPieces.maximum,
            let bytes = calls.lend(request.length, at: request.offset)
        else { return false }
        if request.borrow(bytes) { return true }
        bytes.giveBack()
        return false
    }

    private func perform(_ request: IORequest) {
        switch request.operation {
        case .read:
            request.finish(timed(request) { read(request) })
        case .write:
            if let error = timed(request, { write(request) }) { return request.finish(error) }
            if request.forceUnitAccess { flush(request) } else { request.finish(nil) }
        case .discard:
            request.finish(calls.discard(from: request.offset, count: UInt64(request.length)))
        case .writeZeroes:
            request.finish(calls.writeZeroes(from: request.offset, count: UInt64(request.length)))
        case .flush:
            flush(request)
        }
    }

    private func read(_ request: IORequest) -> Errno? {
        guard request.stretches.isOne else {
            return request.withStretches { calls.read(into: $0, at: request.offset) }
        }
        guard let bytes = request.bytesToFill() else { return .noMemory }
        return calls.read(into: bytes, at: request.offset)
    }

    private func write(_ request: IORequest) -> Errno? {
        guard request.stretches.isOne else {
            return request.withStretches { calls.write($0, at: request.offset) }
        }
        return request.withBytesToWrite { calls.write($0, at: request.offset) }
    }

    /// Does a call, and notes how long it took where that decides over the parts to come.
    private func timed(_ request: IORequest, _ call: () -> Errno?) -> Errno? {
        request.placement.dependsOnPace ? pace.measure(request.length, call) : call()
    }

    // MARK: Flush

    /// One flush at a time: a second one that the kernel answers while the first one's error is
    /// not recorded yet would report success for what is lost. Those that wait are all answered by
    /// the next one, as data that they cover was written before it starts.
    func flush(_ request: IORequest) {
        let isFirst = lock.withLock { () -> Bool in
            if isFlushing {
                waitingFlushes.append(request)
                return false
            }
            isFlushing = true
            return true
        }
        if isFirst { flushNow([request]) }
    }

    private func flushNow(_ requests: [IORequest]) {
        if let asynchronous { return beginFlush(requests, asynchronous) }
        endFlush(requests, calls.flush())
    }

    /// The store's flush for these has ended. The caller holds the device until it returns.
    func endFlush(_ requests: [IORequest], _ error: Errno?) {
        if let error {
            let stamp = ErrorStamp.next(error)
            errors.record(newest: stamp, unreported: stamp)
        }
        for request in requests {
            errors.tell(request)
            request.finish(nil)
        }
        passFlushOn()
    }

    /// Those that came meanwhile go to an I/O thread, so that no caller flushes for others for
    /// ever.
    private func passFlushOn() {
        let next = lock.withLock { () -> [IORequest] in
            let next = waitingFlushes
            waitingFlushes = []
            if next.isEmpty { isFlushing = false }
            return next
        }
        guard !next.isEmpty else { return }
        workers.run { self.flushNow(next) }
    }
}

/// In the place of a synchronous store where the store answers later.
private final class NoCalls: SynchronousStore {
    private func trap() -> Never { preconditionFailure("a call of a store that answers later") }

    var size: UInt64 { trap() }
    var limits: QueueLimits { trap() }
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno? { trap() }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Errno? { trap() }
    func discard(from offset: UInt64, count: UInt64) -> Errno? { trap() }
    func writeZeroes(from offset: UInt64, count: UInt64) -> Errno? { trap() }
    func flush() -> Errno? { trap() }
    func close() { trap() }
}
