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
        tables.live?.didSuspend(interrupt)
        isSuspended = true
    }

    /// Makes the inactive table live, if there is one, suspending first; then lets I/O go on. Gives the bytes
    /// that reads are held for; nil: no table was swapped in since the last one that went on.
    ///
    /// - EINTR: device and tables are as they were (R12), unless a target says it of its `willResume`.
    /// - A table doesn't fit: it is destroyed, and the device stays suspended with its old one.
    /// - A target refuses: its table is live, and the device stays suspended.
    /// - EINVAL: suspended, and without a table.
    /// - ENXIO: removed meanwhile, or interrupted and another table loaded meanwhile.
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
                hasStaleCache = true
                registry.globalEvents.raise()
            } catch {
                leaving.append(table)
                throw error
            }
        }
        guard isSuspended else { return nil }
        try liveTable().willResume(interrupt)
        // Before they are admitted: no list has a request that is on its way to a lower device.
        let held = hasStaleCache ? registry.heldReads(of: self) : nil
        hasStaleCache = false
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
            if !wasSuspended {
                try quiesce(flags, interrupt) { CacheDrop.begin(of: $0) }
                tables.live?.didSuspend(interrupt)
            }
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

    /// Everything as it was before the swap began, and the error that ended it (R12); but suspended, if a
    /// target of the old table won't go on. ENXIO: another table was loaded meanwhile and stays, or the
    /// device was removed; `do_resume` says so too.
    private func abandonSwap(
        to table: Table, wasSuspended: Bool, _ leaving: inout [Table], _ error: DMError
    ) throws(DMError) -> Never {
        if !wasSuspended && isSuspended {
            do {
                try tables.live?.willResume(nil)
                isSuspended = false
                admitDeferred()
            } catch {
                // Suspended, as that resume would leave it.
            }
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
        tables.live?.willSuspend(flags)
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

    /// Unblocks the queue. What was deferred goes through the live table, on a thread of its own: whoever
    /// resumes doesn't do the I/O of others. Where two of them overlap, the later one starts when the earlier
    /// one has left, so that it wins; all count as in flight from here on.
    private func admitDeferred() {
        tables.live?.didResume()
        let requests = disk.queue.unblock()
        guard !requests.isEmpty else { return }
        let (free, conflicting) = IORequest.sortByConflict(requests)
        // Here, so that there is no moment in which one that waits can't be given up.
        for request in conflicting {
            order.submit(
                request, about: request.bytesOfDevice, excludesOthers: request.operation.isChange)
        }
        registry.workers.run { [self] in for request in free { startInOrder(request) } }
    }

    /// A flush of the live table's lower devices that passes the queues by, here and below. An
    /// error of the backing store is recorded there and here, and does not stop the suspend: the
    /// kernel's doesn't either. EINTR: the backing store is slow, and the caller gave up; the flush
    /// goes on.
    private func flushLiveTable(_ interrupt: Interrupt?) throws(DMError) {
        guard let table = tables.live, !table.lowerDevices.isEmpty else { return }
        let flush = TableFlush(for: self)
        flush.start(of: table)
        try flush.wait(interrupt)
    }

    // MARK: Removal

    /// The steps of removal that end I/O: both slots closed for good, tables unbound, flushed and
    /// destroyed. After the hash cell is gone; no lock held.
    func unbindAndDestroyTables() {
        suspendLock.lock()
        refuseRequests(forAll: true)
        let live = tables.live
        if !isSuspended { live?.willSuspend([]) }
        // Nothing can interrupt these. Without openers nothing is in flight; after a forced end the
        // rest is on its way out, and is flushed as well.
        try? disk.queue.waitUntilIdle(nil)
        if !isSuspended { live?.didSuspend(nil) }
        try? flushLiveTable(nil)
        try? disk.queue.waitUntilIdleAndSeal(nil)
        let tables = unbind()
        disk.queue.unseal()
        suspendLock.unlock()
        for table in tables { table.destroy() }
    }
}
