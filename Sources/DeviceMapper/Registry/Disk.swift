import Synchronization

/// What a user opens: a size, a number, and a way to the hash cell while the device is in the list.
package final class Disk: @unchecked Sendable {
    // @unchecked: `hashCell` is guarded by dm_sem, the rest is immutable or atomic.

    let number: DeviceNumber
    /// Tells two devices that had the same minor apart; counts from 1.
    let generation: UInt64
    /// When it was registered, in nanoseconds since 1970.
    let creationTime: Int64
    let queue: RequestQueue
    let lifecycle: Lifecycle
    let settings = DiskSettings()

    /// The seed's private pointer. Nil once the device is being removed: no new open succeeds.
    var hashCell: HashCell?
    /// Whether somebody ever had a handle of it. Guarded by dm_sem.
    var wasOpened = false

    private let sectorCount = Atomic<UInt64>(0)
    private let visibleCount = Atomic<UInt64>(0)
    private let everHadTable = Atomic<Bool>(false)
    private let logicalBlock = Atomic<UInt32>(512)
    private let newestChange = Atomic<Int64>(0)
    private let writeProtected = Atomic<Bool>(false)

    init(number: DeviceNumber, creationTime: Int64, lifecycle: Lifecycle) {
        self.number = number
        generation = lifecycle.generation
        self.creationTime = creationTime
        self.lifecycle = lifecycle
        queue = RequestQueue(lifecycle: lifecycle)
        lifecycle.note(.diskAllocated)
    }

    deinit { lifecycle.note(.diskFreed) }

    /// The live table's size; zero without one. Changed under map_lock.
    var capacity: Sectors {
        get { Sectors(sectorCount.load(ordering: .acquiring)) }
        set {
            if newValue < visibleSize { visibleSize = newValue }
            sectorCount.store(newValue.count, ordering: .releasing)
        }
    }

    /// The size that openers are told of, and up to which they may write. Less than `capacity` from
    /// the moment that a longer table is live until nothing is cached of the earlier end
    /// (`CacheDrop`): a page there that a mapping changed is written back as far as the file is said
    /// to reach, with zeros behind the earlier end. Reads give all there is: a page that is read
    /// meanwhile is whole. Changed under map_lock.
    var visibleSize: Sectors {
        get { Sectors(visibleCount.load(ordering: .acquiring)) }
        set { visibleCount.store(newValue.count, ordering: .releasing) }
    }

    /// When an opener or a new table changed what it holds last, in nanoseconds since 1970; 0:
    /// never.
    var changeTime: Int64 { newestChange.load(ordering: .relaxed) }

    func noteChange() { newestChange.store(RealTime.now, ordering: .relaxed) }

    /// Whether a table was ever loaded. The kernel makes a disk with the first; before that nothing can
    /// stand on it. Set once, under map_lock.
    var hasTable: Bool {
        get { everHadTable.load(ordering: .acquiring) }
        set { everHadTable.store(newValue, ordering: .releasing) }
    }

    /// The logical block size, in bytes (`QueueLimits`). Changed under map_lock.
    var blockSize: UInt32 {
        get { logicalBlock.load(ordering: .acquiring) }
        set { logicalBlock.store(newValue, ordering: .releasing) }
    }

    /// As the live table was loaded, or was set.
    var isReadOnly: Bool { isTableReadOnly || settings.isReadOnly }

    /// As the live table was loaded.
    var isTableReadOnly: Bool {
        get { writeProtected.load(ordering: .acquiring) }
        set { writeProtected.store(newValue, ordering: .releasing) }
    }
}

/// What the filesystem shows of a device.
package struct DiskInfo: Hashable, Sendable {
    package let number: DeviceNumber
    package let generation: UInt64
    package let name: ByteString
    package let size: Sectors
    package let isReadOnly: Bool
    /// Whether a table was ever loaded: the kernel makes a disk with the first.
    package let hasTable: Bool
    /// Nanoseconds since 1970. The change of contents is 0 if there was none.
    package let creationTime: Int64
    package let changeTime: Int64
}
