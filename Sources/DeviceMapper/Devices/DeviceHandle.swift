import Synchronization
package import SystemPackage

/// One opener of a device. It keeps the device from being removed until it is closed, which happens
/// exactly once, after the last of its requests completed.
package final class DeviceHandle: @unchecked Sendable {
    // @unchecked: immutable but for atomics.

    let registry: DeviceRegistry
    let device: MappedDevice
    let cell: HashCell
    /// No other handle had the device open then.
    package let isFirst: Bool

    let closing = ClosingMark()
    private let isClosed = Atomic<Bool>(false)
    private let wasOpenedPastCache = Atomic<Bool>(false)
    /// The newest write-back error that this opener has seen, and what that was when it opened.
    private let seenError: Atomic<UInt64>
    private let seenAtOpening: ErrorStamp
    /// The newest error from before the opening that this opener was told of.
    private let toldEarlierError = Atomic<UInt64>(0)

    init(registry: DeviceRegistry, device: MappedDevice, cell: HashCell, isFirst: Bool) {
        self.registry = registry
        self.device = device
        self.cell = cell
        self.isFirst = isFirst
        seenAtOpening = ErrorStamp.now()
        seenError = Atomic(seenAtOpening.rawValue)
    }

    deinit {
        precondition(isClosed.load(ordering: .relaxed), "an opener was dropped without a close")
    }

    /// Size and mode as they are now, by the live table. A longer one is not shown before nothing is
    /// cached of the earlier end.
    package var size: Sectors { device.disk.visibleSize }
    /// Up to where there is something to read; `size` or more.
    package var readableSize: Sectors { device.disk.capacity }
    package var isReadOnly: Bool { device.disk.isReadOnly }
    /// What requests past the page cache are aligned to, in bytes.
    package var blockSize: UInt32 { device.disk.blockSize }
    /// What requests it takes.
    package var limits: QueueLimits { device.limits ?? QueueLimits() }
    package var number: DeviceNumber { device.disk.number }
    package var generation: UInt64 { device.disk.generation }

    /// Sends a prepared request to the device. Never waits for a suspended one; does backing I/O in
    /// place where its `placement` and the bound on that allow.
    package func submit(_ request: IORequest) {
        closing.noteUse()
        request.handle = Unmanaged.passUnretained(self)
        if request.operation.isChange { device.disk.noteChange() }
        device.submit(request)
    }

    /// Ends the request with EINTR if a suspended device, here or below, holds it or a part of it.
    /// False: nothing of it was held; it completes by itself.
    package func cancel(_ request: IORequest) -> Bool {
        let held = registry.withdrawDeferred(request, below: device)
        if !held.isEmpty { request.giveUp() }
        for part in held { part.finish(.interrupted) }
        return !held.isEmpty
    }

    /// Whether the device, or one below it, holds a read of one of its openers.
    package var holdsRead: Bool { registry.holdsRequest(of: device, only: .read) }

    /// The same of a write.
    package var holdsWrite: Bool { registry.holdsRequest(of: device, only: .write) }

    /// The same of a read of some of these bytes.
    package func holdsRead(of range: Range<UInt64>) -> Bool {
        registry.heldReads(of: device).contains { $0.overlaps(range) }
    }

    /// The same of a write past the page cache.
    package var holdsDirectWrite: Bool { registry.holdsDirectWrite(of: device) }

    /// Whether it was opened past the page cache.
    package var isPastCache: Bool { wasOpenedPastCache.load(ordering: .relaxed) }
    /// See `isPastCache`.
    package func notePastCache() { wasOpenedPastCache.store(true, ordering: .relaxed) }

    /// A descriptor of the file was closed: this may be the last one.
    package func noteFlush() { closing.noteFlush() }

    /// Whether a removal waits for it.
    var isMaybeClosing: Bool { closing.isPending(.removal) }

    /// The end. Takes dm_sem. The last close of a device marked for deferred removal lets another
    /// thread remove it.
    package func close() {
        let wasClosed = isClosed.exchange(true, ordering: .acquiringAndReleasing)
        precondition(!wasClosed, "an opener was closed twice")
        registry.close(self)
    }

    /// Keeps the error of a write that its client takes for done: the next flush of each opener tells it,
    /// once (`mapping_set_error`). False: the device refuses everything for good, flushes too.
    package func keepError(_ error: Errno) -> Bool {
        guard !device.disk.queue.isOver else { return false }
        let stamp = ErrorStamp.next(error)
        device.cacheErrors.record(newest: stamp, unreported: stamp)
        return true
    }

    /// Reports a write-back error to this opener once (`errseq_check_and_advance`): an error since
    /// the opening that it has not seen, or an earlier one that nobody saw.
    func account(_ request: IORequest) {
        let (newest, unreported) = request.writeBackErrors
        let seen = ErrorStamp(
            rawValue: seenError.max(newest.rawValue, ordering: .sequentiallyConsistent).oldValue)
        var news = newest > seen ? newest : .none
        if unreported <= seenAtOpening {
            let told = toldEarlierError.max(
                unreported.rawValue, ordering: .sequentiallyConsistent
            ).oldValue
            if unreported.rawValue > told { news = max(news, unreported) }
        }
        if let errno = news.errno { request.report(errno) }
    }
}
