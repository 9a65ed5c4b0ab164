import Glibc
import SystemPackage
import Synchronization

/// What a registry is made with.
package struct RegistryConfiguration: Sendable {
    /// Block majors that no driver of this host has: of mapped devices, and of backing files.
    package var mappedMajor: UInt32
    package var backingMajor: UInt32
    /// Threads from outside that may do backing I/O at once (`IOWorkers`).
    package var inlineLimit: Int
    package var maximumIOThreads: Int
    /// Where lifecycle events are noted; nil: nowhere.
    package var lifecycleTrace: LifecycleTrace?
    /// Bytes of memory for the bytes of held writes.
    package var heldMemory = Limits.heldBytes
    /// Where a spill file for more of them can be made; the empty path: nowhere.
    package var spillDirectory = ByteString("/var/tmp")
    /// Whether backing files are locked against other daemons (`FileLock`).
    package var locksFiles = true
    /// Types of targets beside `TargetTypes.ours`: tests bring their own.
    package var moreTargetTypes: [TargetType] = []
    /// What is asked for a word of a table line before files and block devices are, in order.
    package var moreOpeners: [any DeviceOpener] = []

    package init(
        mappedMajor: UInt32, backingMajor: UInt32, inlineLimit: Int = 3,
        maximumIOThreads: Int = 256
    ) {
        self.mappedMajor = mappedMajor
        self.backingMajor = backingMajor
        self.inlineLimit = inlineLimit
        self.maximumIOThreads = maximumIOThreads
    }
}

/// Names a device to the control interface.
package enum DeviceReference: Hashable, Sendable {
    case uuid(ByteString)
    case name(ByteString)
    case number(DeviceNumber)
}

/// All mapped devices: the hash cells and everything else that dm_sem guards.
///
/// Each operation is in a file of its concern: `+Lifetime`, `+Tables`, `+Opening`, `+Names`,
/// `+Status`, `+Block`, `+Disks`, `+Shutdown`.
package final class DeviceRegistry: @unchecked Sendable {
    // @unchecked: `state` is guarded by `dmSem`.

    /// What dm_sem guards, besides the fields of hash cells and the `hashCell` of disks.
    struct State {
        var cellsByName: [ByteString: HashCell] = [:]
        var cellsByUUID: [ByteString: HashCell] = [:]
        /// Registered disks: visible, though a removed one can't be opened any more.
        var disks: [UInt32: Disk] = [:]
        var minors = MinorNumbers()
        var edges = EdgeGraph()
        var lastGeneration: UInt64 = 0
        /// Being shut down: nothing new is created or opened.
        var isClosed = false
        var pageCache: (any PageCache)?
        var closeReports: (any CloseReports)?
    }

    /// Guards the hash cells, the binding of disk to device, open counts, minors and the edges
    /// between stacked devices. The seed's dm_sem. Rank 20: map_lock and io_lock may be taken under
    /// it; nothing that sleeps may, and no destructor or callback runs under it.
    private let dmSem = RWLock(rank: .dmSem, name: "DeviceRegistry.dmSem")
    private var state = State()

    let targetTypes: TargetTypes
    package let mappedMajor: UInt32
    package let backingNumbers: BackingNumbers
    let backings: BackingRegistry
    package let workers: IOWorkers
    let computeWorkers = ComputeWorkers()
    let sharedStates = SharedStates()
    let heldMemory: HeldMemory
    let holdTimer: HoldTimer
    /// Rises with every event of any device, and with create, remove, rename and table swap.
    package let globalEvents = EventCounter()
    let closings = ChangeWatch()
    /// Told of each device that is gone for good.
    let removals = ChangeWatch()
    let deferredRemovals = DeferredRemovals()
    /// Whether `state.pageCache` is set: without one, nobody takes dm_sem to look.
    let hasPageCache = Atomic<Bool>(false)
    package let lifecycleTrace: LifecycleTrace?

    package init(_ configuration: RegistryConfiguration) {
        targetTypes = TargetTypes(TargetTypes.ours + configuration.moreTargetTypes)
        mappedMajor = configuration.mappedMajor
        lifecycleTrace = configuration.lifecycleTrace
        backingNumbers = BackingNumbers(major: configuration.backingMajor)
        workers = IOWorkers(
            inlineLimit: configuration.inlineLimit,
            maximumThreads: configuration.maximumIOThreads)
        heldMemory = HeldMemory(
            limit: configuration.heldMemory, spillDirectory: configuration.spillDirectory,
            workers: workers)
        holdTimer = HoldTimer(memory: heldMemory)
        backings = BackingRegistry(
            numbers: backingNumbers, workers: workers,
            openers: configuration.moreOpeners + [
                FileOpener(locksFiles: configuration.locksFiles), BlockDeviceOpener(),
            ])
    }

    func reading<Result, Failure: Error>(
        _ body: (borrowing State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try dmSem.withReadLock { () throws(Failure) in try body(state) }
    }

    func writing<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try dmSem.withWriteLock { () throws(Failure) in try body(&state) }
    }

    /// The device that a reference names, held. ENXIO.
    func device(_ reference: DeviceReference) throws(DMError) -> MappedDevice {
        return try reading { (state) throws(DMError) in
            guard let device = try self.cell(reference, in: state).device else {
                throw .noSuchDevice
            }
            return device
        }
    }

    /// Under dm_sem. ENXIO.
    func cell(
        _ reference: DeviceReference, in state: borrowing State
    ) throws(DMError) -> HashCell {
        let cell: HashCell? =
            switch reference {
            case .uuid(let uuid): state.cellsByUUID[uuid]
            case .name(let name): state.cellsByName[name]
            case .number(let number):
                number.major == mappedMajor ? state.disks[number.minor]?.hashCell : nil
            }
        guard let cell else { throw .noSuchDevice }
        return cell
    }
}
