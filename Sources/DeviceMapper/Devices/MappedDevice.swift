import Synchronization

/// The core of a mapped device: its two tables, its disk, and whether it is suspended.
///
/// Every access to a table goes through it. References to it are the seed's holders: whoever has
/// one may use it, removed or not. Its tables hold it, so it is freed after them.
final class MappedDevice: @unchecked Sendable {
    // @unchecked: each field says what guards it.

    unowned let registry: DeviceRegistry
    let disk: Disk

    /// Held over each suspend, resume and unbinding. The seed's suspend_lock; changes of
    /// `isSuspended` are made under it.
    let suspendLock = SleepLock(rank: .suspend, name: "MappedDevice.suspendLock")
    private let suspended = Atomic<Bool>(false)
    /// A table was swapped in, and what is cached of the old one wasn't dropped yet: its resume was refused.
    /// Guarded by `suspendLock`.
    var hasStaleCache = false

    /// Guards the two pointers, `areSlotsClosed` and `knownLimits`; held to read or change them, never
    /// over I/O.
    private let mapLock = RWLock(rank: .map, name: "MappedDevice.mapLock")
    private var map: Unmanaged<Table>?
    private var newMap: Table?
    private var areSlotsClosed = false
    /// Nil: no table was ever loaded.
    private var knownLimits: QueueLimits?

    /// Of tables that are no longer live.
    let earlierErrors = WriteBackErrors()
    /// Of writes through the device's own page cache, which concern its own openers: not those of a device
    /// above.
    let cacheErrors = WriteBackErrors()

    let events = EventCounter()

    let statistics = IOStatistics()

    /// Of deferred requests that overlap, on their way after a resume.
    let order = RangeOrder<MappedDevice>()

    init(registry: DeviceRegistry, disk: Disk) {
        self.registry = registry
        self.disk = disk
        disk.lifecycle.note(.deviceAllocated)
        disk.lifecycle.note(.deviceToDisk)
        order.begin(of: self)
    }

    deinit {
        precondition(map == nil && newMap == nil, "a device was freed before its tables")
        disk.lifecycle.note(.deviceFreed)
    }

    // MARK: Requests

    /// Takes a request whose `offset` is a byte of this device. Never waits: what can't go on now
    /// is deferred.
    func submit(_ request: IORequest) {
        if !submitIfAdmitted(request) { deferOrStart(request) }
    }

    /// Touches nothing of this device after sending the request: its end may free the device. False: the queue
    /// is blocked, and the caller still has the request.
    func submitIfAdmitted(_ request: IORequest) -> Bool {
        let queue = Unmanaged.passUnretained(disk.queue)
        if request.bypassesSuspension {
            queue._withUnsafeGuaranteedRef { $0.enterBypassing() }
        } else if !queue._withUnsafeGuaranteedRef({ $0.enter() }) {
            return false
        }
        start(request)
        return true
    }

    /// What follows where the queue was blocked. The caller holds the device until it returns.
    func deferOrStart(_ request: IORequest) {
        registry.heldMemory.keep(request) { [self] error in
            if let error { return request.finish(error) }
            switch disk.queue.deferOrEnter(request) {
            case .admitted: start(request)
            case .deferred: break
            case .refused: request.finish(.ioError)
            }
        }
    }

    /// Sends an admitted request through the live table.
    func start(_ request: IORequest) {
        request.enter(self)
        // The request is in flight, so this table stays live until it leaves: no need to count.
        guard let table = mapLock.withReadLock({ map }) else { return request.finish(.ioError) }
        // A flush goes straight to the lower devices, and may end there while the call still runs.
        if request.operation == .flush { return table.takeUnretainedValue().flush(request) }
        table._withUnsafeGuaranteedRef { $0.submit(request) }
    }

    /// A request that was admitted here has ended. `began`: what `statistics` said then.
    func leave(_ request: IORequest, began: Int) {
        statistics.end(request, began: began)
        if request.operation == .flush || request.forceUnitAccess { tellErrors(request) }
        // No count is needed: the opener, or the table above, keeps this device until the request has
        // ended there.
        Unmanaged.passUnretained(disk.queue)._withUnsafeGuaranteedRef { $0.leave() }
    }

    private func tellErrors(_ request: IORequest) {
        earlierErrors.tell(request)
        let isOfOurs = request.handle?._withUnsafeGuaranteedRef { $0.device === self } ?? false
        if isOfOurs { cacheErrors.tell(request) }
    }

    // MARK: Tables

    /// Both tables at one moment, for the control interface. A table stays readable while it is
    /// referred to, its lower devices don't stay open; the reader holds the device meanwhile.
    var tables: (live: Table?, inactive: Table?) {
        mapLock.withReadLock { (map?.takeUnretainedValue(), newMap) }
    }

    var hasLiveTable: Bool { mapLock.withReadLock { map != nil } }

    /// What requests the device takes: as its live table was measured, or, while none was live yet,
    /// the first one that was loaded. Nil: none was; the kernel has no disk then, and nothing can
    /// stand on it.
    var limits: QueueLimits? { mapLock.withReadLock { knownLimits } }

    /// EINVAL: the live table is of an immutable type, which `table` is not.
    func checkMayReplaceLive(_ table: Table) throws(DMError) {
        guard let type = tables.live?.immutableType, !table.mayFollow(type) else { return }
        throw DMError(.invalidArgument, "can't replace immutable target type \(type.name)")
    }

    /// Puts the inactive table; gives out the one that stood there. ENXIO: the device was removed.
    /// Throws without having taken `table`.
    func putInactive(_ table: Table) throws(DMError) -> Table? {
        // Only the first table is measured at load; later ones when they go live.
        let measured = limits == nil ? try table.measure() : nil
        return try mapLock.withWriteLock { () throws(DMError) in
            guard !areSlotsClosed else { throw MappedDevice.removed }
            if knownLimits == nil, let measured { know(measured) }
            table.lifecycle.note(.tableLoaded)
            defer { newMap = table }
            return newMap
        }
    }

    func takeInactive() -> Table? {
        mapLock.withWriteLock {
            defer { newMap = nil }
            return newMap
        }
    }

    /// Puts back what `takeInactive` gave, unless another was loaded meanwhile or the device was
    /// removed: false.
    func putBackInactive(_ table: Table) -> Bool {
        mapLock.withWriteLock {
            guard newMap == nil, !areSlotsClosed else { return false }
            newMap = table
            return true
        }
    }

    /// Makes `table`, of which `limits` were measured, the live one; gives out the old one. With
    /// nothing in flight, under `suspendLock`. ENXIO: the device was removed.
    func swapLive(_ table: Table, _ limits: QueueLimits) throws(DMError) -> Table? {
        try mapLock.withWriteLock { () throws(DMError) in
            guard !areSlotsClosed else { throw MappedDevice.removed }
            let old = map?.takeRetainedValue()
            old?.lifecycle.note(.tableUnbound)
            table.lifecycle.note(.tableBound)
            table.takesDiscards = limits.takesDiscards
            know(limits)
            map = Unmanaged.passRetained(table)
            if disk.capacity != table.size { disk.settings.geometry = Geometry() }
            disk.capacity = table.size
            if !registry.hasPageCache.load(ordering: .acquiring) { disk.visibleSize = table.size }
            disk.isTableReadOnly = table.isReadOnly
            disk.noteChange()
            return old
        }
    }

    /// Under `mapLock`.
    private func know(_ limits: QueueLimits) {
        knownLimits = limits
        disk.blockSize = limits.logicalBlockSize
        disk.hasTable = true
    }

    /// Lets openers know of the live table's size.
    func showSize() {
        mapLock.withWriteLock { disk.visibleSize = disk.capacity }
    }

    /// The same where that is `size` still, and what they know is `end`; false: one of them isn't any
    /// more.
    func showSize(_ size: Sectors, after end: Sectors) -> Bool {
        mapLock.withWriteLock {
            guard disk.visibleSize == end, disk.capacity == size else { return false }
            disk.visibleSize = size
            return true
        }
    }

    /// Empties both slots for good: a load or resume that comes later gets ENXIO. Under
    /// `suspendLock`, with nothing in flight.
    func unbind() -> [Table] {
        mapLock.withWriteLock {
            areSlotsClosed = true
            disk.lifecycle.note(.slotsClosed)
            let tables = [map?.takeRetainedValue(), newMap].compactMap { $0 }
            for table in tables { table.lifecycle.note(.tableUnbound) }
            map = nil
            newMap = nil
            return tables
        }
    }

    /// The live table, for who makes sure that it stays. EINVAL, for that reason: there is none. ENXIO: nor
    /// will there be, the device was removed.
    func liveTable(or reason: String = "") throws(DMError) -> Table {
        try mapLock.withReadLock { () throws(DMError) in
            if let map { return map.takeUnretainedValue() }
            throw areSlotsClosed ? MappedDevice.removed : DMError(.invalidArgument, reason)
        }
    }

    private static let removed = DMError(
        .noSuchAddressOrDevice, "device has been removed from the dev hash table.")

    // MARK: State

    /// Readable without a lock; changed under `suspendLock`.
    var isSuspended: Bool {
        get { suspended.load(ordering: .acquiring) }
        set { suspended.store(newValue, ordering: .releasing) }
    }

    /// `dm_table_event`: something happened that a `wait` waits for. No lock held that ranks as a
    /// leaf.
    func tableEvent() {
        events.raise()
        registry.globalEvents.raise()
    }
}
