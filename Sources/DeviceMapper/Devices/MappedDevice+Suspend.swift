import SystemPackage

/// How a suspend goes about it (`DM_NOFLUSH_FLAG`, `DM_SKIP_LOCKFS_FLAG`).
package struct SuspendFlags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let noflush = SuspendFlags(rawValue: 1)
    package static let skipLockFS = SuspendFlags(rawValue: 2)

    /// Whether what was written goes to the backing store first.
    fileprivate var flushes: Bool { isEmpty }
}

/// Suspend, resume and the swap of tables between them. What blocks here holds `suspendLock` and no
/// other lock; status, load and clear don't take that one.
extension MappedDevice {
    /// Defers what arrives from here on, and waits for what is in flight. A second suspend succeeds
    /// and does nothing. EINTR: everything is as before.
    func suspend(_ flags: SuspendFlags, _ interrupt: Interrupt?) throws(DMError) {
        try suspendLock.lock(interrupt)
        defer { suspendLock.unlock() }
        guard !isSuspended else { return }
        try quiesce(flags, interrupt, CacheDrop.beginWriteBack)
        isSuspended = true
    }

    /// Makes the inactive table live, if there is one, suspending first; then lets I/O go on. EINTR
    /// leaves device and tables as they were (R12). A table that doesn't fit is destroyed, and the
    /// device stays suspended with its old one. EINVAL: suspended, and without a table. ENXIO:
    /// removed meanwhile, or interrupted and another table loaded meanwhile. Nil: no table
    /// was swapped in; else the bytes that reads were held for just then.
    func resume(
        _ flags: SuspendFlags, _ interrupt: Interrupt?
    ) throws(DMError) -> [Range<UInt64>]? {
        var leaving: [Table] = []
        // Last of all and with the lock free: destructors close lower devices (R17).
        defer { for table in leaving { table.destroy() } }

        try suspendLock.lock(interrupt)
        defer { suspendLock.unlock() }
        let table = takeInactive()
        if let table {
            let limits = try prepareSwap(to: table, flags, interrupt, &leaving)
            defer { disk.queue.unseal() }
            do {
                if let old = try swapLive(table, limits) { leaving.append(old) }
            } catch {
                leaving.append(table)
                throw error
            }
        }
        guard isSuspended else { return nil }
        try checkHasLiveTable()
        // Before they are admitted: on their way to a device below that holds them they are nowhere.
        let held = table == nil ? nil : registry.heldReads(of: self)
        isSuspended = false
        admitDeferred()
        return held
    }

    /// Suspends for the swap if need be, brings what was written through the old table onto its
    /// backing store, measures the new one, and seals the queue. Throws with `table` disposed of and
    /// the queue unsealed.
    private func prepareSwap(
        to table: Table, _ flags: SuspendFlags, _ interrupt: Interrupt?, _ leaving: inout [Table]
    ) throws(DMError) -> QueueLimits {
        let wasSuspended = isSuspended
        do {
            if !wasSuspended { try quiesce(flags, interrupt) { CacheDrop.begin(of: $0) } }
            isSuspended = true
            // A later flush through the new table says nothing of the old one's devices, so what
            // was written there must be safe before anything is acknowledged here.
            try flushLiveTable(interrupt)
        } catch {
            try abandonSwap(to: table, wasSuspended: wasSuspended, &leaving, error)
        }
        // Before the seal: it asks files for their sizes.
        let limits: QueueLimits
        do {
            limits = try table.measure()
        } catch {
            leaving.append(table)
            throw error
        }
        do {
            try disk.queue.waitUntilIdleAndSeal(interrupt)
        } catch {
            try abandonSwap(to: table, wasSuspended: wasSuspended, &leaving, error)
        }
        return limits
    }

    /// Everything as it was before the swap began, and the error that ended it (R12). ENXIO:
    /// another table was loaded meanwhile and stays, or the device was removed; `do_resume` says so
    /// too.
    private func abandonSwap(
        to table: Table, wasSuspended: Bool, _ leaving: inout [Table], _ error: DMError
    ) throws(DMError) -> Never {
        if !wasSuspended && isSuspended {
            isSuspended = false
            admitDeferred()
        }
        guard !putBackInactive(table) else { throw error }
        leaving.append(table)
        throw .noSuchDevice
    }

    /// Blocks the queue and waits until nothing is in flight; before that, `begin` has what is cached
    /// written back. EINTR: unblocked again.
    private func quiesce(
        _ flags: SuspendFlags, _ interrupt: Interrupt?,
        _ begin: (MappedDevice) -> CacheDrop?
    ) throws(DMError) {
        // What targets hold is in flight, too.
        tables.live?.willSuspend()
        do {
            // Before the queue is blocked, as the kernel locks the file system first, or writes
            // back what the block device has cached: what was changed through mappings belongs to
            // the old table.
            if flags.flushes {
                try begin(self)?.wait(interrupt)
                try flushLiveTable(interrupt)
            }
            disk.queue.block()
            try disk.queue.waitUntilIdle(interrupt)
        } catch {
            admitDeferred()
            throw error
        }
    }

    /// Unblocks the queue. What was deferred goes through the live table in its order of arrival,
    /// on a thread of its own: whoever resumes doesn't do the I/O of others.
    ///
    /// Where two of them overlap and one changes bytes, each is done before the next begins, so
    /// that the later one wins. Else they run side by side: one that hangs doesn't hold up the
    /// others.
    private func admitDeferred() {
        tables.live?.didResume()
        let requests = disk.queue.unblock()
        guard !requests.isEmpty else { return }
        registry.workers.run { [self] in
            let keepOrder = MappedDevice.conflict(requests)
            for request in requests {
                request.isOnIOThread = true
                request.keepsOrder = keepOrder
                request.prefersOtherThread = !keepOrder
                start(request)
            }
        }
    }

    /// Whether the order of these requests matters: a change overlaps another of them.
    private static func conflict(_ requests: [IORequest]) -> Bool {
        var endOfChanges: UInt64 = 0
        var end: UInt64 = 0
        for request in requests.sorted(by: { $0.offset < $1.offset }) where request.length > 0 {
            let isChange = request.operation.isChange
            if request.offset < (isChange ? end : endOfChanges) { return true }
            let (sum, overflow) = request.offset.addingReportingOverflow(UInt64(request.length))
            let requestEnd = overflow ? UInt64.max : sum
            end = max(end, requestEnd)
            if isChange { endOfChanges = max(endOfChanges, requestEnd) }
        }
        return false
    }

    /// A flush of the live table's lower devices that passes the queues by, here and below. An
    /// error of the backing store is recorded there and here, and does not stop the suspend: the
    /// kernel's doesn't either. EINTR: the backing store is slow, and the caller gave up; the flush
    /// goes on.
    private func flushLiveTable(_ interrupt: Interrupt?) throws(DMError) {
        guard let table = tables.live, !table.lowerDevices.isEmpty else { return }
        let flush = TableFlush(of: table, for: self)
        flush.start()
        try flush.wait(interrupt)
    }

    // MARK: Removal

    /// The steps of removal that end I/O: both slots closed for good, tables unbound, flushed and
    /// destroyed. After the hash cell is gone; no lock held.
    func unbindAndDestroyTables() {
        suspendLock.lock()
        for request in disk.queue.shut() { request.finish(.ioError) }
        tables.live?.willSuspend()
        // Nothing can interrupt these. Without openers nothing is in flight; after a forced end the
        // rest is on its way out, and is flushed as well.
        try? disk.queue.waitUntilIdle(nil)
        try? flushLiveTable(nil)
        try? disk.queue.waitUntilIdleAndSeal(nil)
        let tables = unbind()
        disk.queue.unseal()
        suspendLock.unlock()
        for table in tables { table.destroy() }
    }
}

/// One flush of a table's lower devices that nobody outside asked for.
///
/// It outlives a caller that gives up: it counts as in flight, so the table stays until it ends.
private final class TableFlush: @unchecked Sendable {
    // @unchecked: `isDone` is guarded by `lock`.
    private let table: Table
    private let device: MappedDevice
    private let lock = Lock(rank: .leaf, name: "TableFlush.lock")
    private let done = Condition()
    private var isDone = false
    private var request: IORequest?

    init(of table: Table, for device: MappedDevice) {
        self.table = table
        self.device = device
    }

    func start() {
        // Keeps itself until it ends: the completion owns it, and is dropped there.
        let request = IORequest { request in
            self.ended(request)
        }
        self.request = request
        request.prepareFlush()
        request.bypassesSuspension = true
        // Not here: whoever waits may give up, and a slow store must not keep him.
        request.mayRunInline = false
        device.disk.queue.enterBypassing()
        request.enter(device)
        table.flush(request)
    }

    func wait(_ interrupt: Interrupt?) throws(DMError) {
        try done.wait(lock, interrupt, until: { isDone }, then: {})
    }

    private func ended(_ request: IORequest) {
        let (newest, unreported) = request.writeBackErrors
        device.earlierErrors.record(newest: newest, unreported: unreported)
        lock.withLock {
            isDone = true
            self.request = nil
            done.broadcast()
        }
    }
}
