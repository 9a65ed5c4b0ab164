/// What happens once in the life of a device or of one of its tables, with the seed's step number.
package enum LifecycleEvent: UInt8, Sendable, CaseIterable {
    case minorAllocated = 1, queueAllocated, diskAllocated, deviceAllocated, cellAllocated
    case deviceToDisk, diskRegistered, deviceToCell, cellToList
    case tableAllocated, tableLoaded, tableBound
    case cellFromList, deviceFromCell, deviceFromDisk, slotsClosed, tableUnbound
    /// Its lower devices are closed, and it let go of its device: the destructor ran.
    case tableFreed
    case diskUnregistered
    case minorFreed, queueFreed, diskFreed, deviceFreed, cellFreed
    /// The last reference to a freed table is gone, and with it the memory.
    case tableReleased

    /// The two lists of the seed's order.
    package enum Direction: String, Sendable { case register, remove }

    package var direction: Direction {
        rawValue < LifecycleEvent.cellFromList.rawValue ? .register : .remove
    }

    /// The seed's number, 1 to 7, in its own direction.
    package var step: Int {
        switch self {
        case .minorAllocated, .queueAllocated, .diskAllocated, .deviceAllocated, .cellAllocated: 1
        case .deviceToDisk: 2
        case .diskRegistered: 3
        case .deviceToCell: 4
        case .cellToList: 5
        case .tableAllocated, .tableLoaded: 6
        case .tableBound: 7
        case .cellFromList: 3
        case .deviceFromCell: 4
        case .deviceFromDisk: 6
        case .slotsClosed, .tableUnbound: 1
        case .tableFreed: 2
        case .diskUnregistered: 5
        case .minorFreed, .queueFreed, .diskFreed, .deviceFreed, .cellFreed, .tableReleased: 7
        }
    }

    /// The seed's short word for the structure: hc, md, table, disk, queue or minor.
    package var structure: String {
        switch self {
        case .minorAllocated, .minorFreed: "minor"
        case .queueAllocated, .queueFreed: "queue"
        case .diskAllocated, .diskRegistered, .diskUnregistered, .diskFreed: "disk"
        case .deviceAllocated, .deviceToDisk, .deviceToCell, .deviceFromCell, .deviceFromDisk,
            .slotsClosed, .deviceFreed:
            "md"
        case .cellAllocated, .cellToList, .cellFromList, .cellFreed: "hc"
        case .tableAllocated, .tableLoaded, .tableBound, .tableUnbound, .tableFreed,
            .tableReleased:
            "table"
        }
    }

    /// What happened to it.
    package var words: String {
        switch self {
        case .minorAllocated, .queueAllocated, .diskAllocated, .deviceAllocated, .cellAllocated,
            .tableAllocated:
            "allocated"
        case .deviceToDisk: "to disk"
        case .diskRegistered: "registered"
        case .deviceToCell: "to hc"
        case .cellToList: "to list"
        case .tableLoaded: "loaded"
        case .tableBound: "bound"
        case .cellFromList: "out of list"
        case .deviceFromCell: "from hc"
        case .deviceFromDisk: "from disk"
        case .slotsClosed: "closed to tables"
        case .tableUnbound: "unbound"
        case .diskUnregistered: "unregistered"
        case .minorFreed, .queueFreed, .diskFreed, .deviceFreed, .cellFreed, .tableFreed: "freed"
        case .tableReleased: "memory freed"
        }
    }
}

/// One event of the trace.
package struct LifecycleRecord: Hashable, Sendable {
    /// From 0, in the order in which the events happened.
    package var sequence: UInt64
    package var event: LifecycleEvent
    /// What kind of thread did it.
    package var thread: ThreadKind
    package var minor: UInt32
    /// Tells two devices that had the same minor apart.
    package var generation: UInt64
    /// A number for each table of the trace, from 1; 0: no table's event.
    package var table: UInt64

    package init(
        sequence: UInt64, _ event: LifecycleEvent, minor: UInt32, generation: UInt64,
        table: UInt64 = 0, thread: ThreadKind = .other
    ) {
        self.sequence = sequence
        self.event = event
        self.thread = thread
        self.minor = minor
        self.generation = generation
        self.table = table
    }
}
