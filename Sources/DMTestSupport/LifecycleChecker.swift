package import DeviceMapper

/// Finds what a trace of lifecycle events shows that the seed's order forbids.
///
/// It needs a complete trace, from the registry's beginning. Each rule stands alone: a wrong trace
/// is told by all that is wrong in it.
package struct LifecycleChecker {
    /// What is known of a device, or of one of its tables: when each event happened.
    private typealias Times = [LifecycleEvent: UInt64]

    private var devices: [UInt64: Times] = [:]
    private var minors: [UInt64: UInt32] = [:]
    private var tables: [UInt64: (device: UInt64, times: Times)] = [:]
    /// Which device has a minor number at present.
    private var owners: [UInt32: UInt64] = [:]
    private var violations: [String] = []

    /// What must have happened before: to a device.
    private static let deviceNeeds: [(LifecycleEvent, [LifecycleEvent])] = [
        (
            .deviceToDisk,
            [.minorAllocated, .queueAllocated, .diskAllocated, .deviceAllocated, .cellAllocated]
        ),
        (.diskRegistered, [.deviceToDisk]),
        (.deviceToCell, [.diskRegistered]),
        (.cellToList, [.deviceToCell]),
        (.cellFromList, [.cellToList]),
        (.deviceFromCell, [.cellFromList]),
        (.deviceFromDisk, [.deviceFromCell]),
        (.slotsClosed, [.deviceFromDisk]),
        (.diskUnregistered, [.slotsClosed]),
        (.queueFreed, [.queueAllocated, .diskUnregistered]),
        (.diskFreed, [.diskAllocated, .diskUnregistered]),
        (.deviceFreed, [.deviceAllocated, .diskUnregistered]),
        (.cellFreed, [.cellAllocated, .diskUnregistered]),
        (.minorFreed, [.minorAllocated]),
    ]

    /// To a table.
    private static let tableNeeds: [(LifecycleEvent, [LifecycleEvent])] = [
        (.tableLoaded, [.tableAllocated]),
        (.tableBound, [.tableLoaded]),
        (.tableUnbound, [.tableLoaded]),
        (.tableFreed, [.tableAllocated]),
        (.tableReleased, [.tableFreed]),
    ]

    private static let ends: [(LifecycleEvent, LifecycleEvent)] = [
        (.minorAllocated, .minorFreed), (.queueAllocated, .queueFreed),
        (.diskAllocated, .diskFreed), (.deviceAllocated, .deviceFreed),
        (.cellAllocated, .cellFreed),
    ]

    /// What is wrong, a sentence each. `atEnd`: nothing may be left.
    package static func violations(
        in records: [LifecycleRecord], atEnd: Bool = true
    ) -> [String] {
        var checker = LifecycleChecker()
        for record in records { checker.take(record) }
        if atEnd { checker.checkNothingLeft() }
        return checker.violations
    }

    private mutating func take(_ record: LifecycleRecord) {
        if record.table == 0 {
            takeDevice(record)
        } else {
            takeTable(record)
        }
    }

    // MARK: Devices

    private mutating func takeDevice(_ record: LifecycleRecord) {
        let device = record.generation
        let times = devices[device] ?? [:]
        let who = "device \(device)"
        note(record, who, times, LifecycleChecker.deviceNeeds)
        if let minor = minors[device], minor != record.minor {
            violations.append("\(who) has two minors, \(minor) and \(record.minor)")
        }
        minors[device] = record.minor
        switch record.event {
        case .minorAllocated:
            if let owner = owners[record.minor] {
                violations.append("minor \(record.minor) is of \(who) and of device \(owner)")
            }
            owners[record.minor] = device
        case .minorFreed:
            // That of a device which was never registered is free at once.
            if times[.diskRegistered] != nil, times[.diskUnregistered] == nil {
                violations.append("\(who): minor freed before disk unregistered")
            }
            owners[record.minor] = nil
        case .diskUnregistered:
            for (table, state) in tables.sorted(by: { $0.key < $1.key })
            where state.device == device {
                checkGone(table, state.times, times, who)
            }
        default: break
        }
        devices[device, default: [:]][record.event] = record.sequence
    }

    /// What removal found in a slot is freed before the disk goes. What a load, clear or resume
    /// took out before is theirs.
    private mutating func checkGone(
        _ table: UInt64, _ times: Times, _ device: Times, _ who: String
    ) {
        if times[.tableBound] != nil, times[.tableUnbound] == nil {
            violations.append("\(who): disk unregistered before table \(table) unbound")
        }
        if let closed = device[.slotsClosed], let unbound = times[.tableUnbound],
            unbound > closed, times[.tableFreed] == nil
        {
            violations.append("\(who): disk unregistered before table \(table) freed")
        }
    }

    // MARK: Tables

    private mutating func takeTable(_ record: LifecycleRecord) {
        let table = record.table
        let who = "table \(table)"
        let (owner, times) = tables[table] ?? (record.generation, [:])
        let device = devices[owner] ?? [:]
        note(record, who, times, LifecycleChecker.tableNeeds)
        if owner != record.generation {
            violations.append("\(who) is of device \(owner) and of device \(record.generation)")
        }
        switch record.event {
        case .tableAllocated:
            if device[.cellToList] == nil {
                violations.append("\(who) allocated before hc to list")
            }
        case .tableLoaded, .tableBound:
            if device[.slotsClosed] != nil {
                violations.append("\(who) \(record.event.words) after md closed to tables")
            }
        case .tableFreed:
            if times[.tableBound] != nil, times[.tableUnbound] == nil {
                violations.append("\(who) freed before it was unbound")
            }
            if record.thread == .io || record.thread == .filesystem {
                violations.append("\(who) freed on a thread of kind \(record.thread)")
            }
        default: break
        }
        if record.event != .tableReleased, device[.deviceFreed] != nil {
            violations.append("\(who) \(record.event.words) after its md freed")
        }
        tables[table, default: (owner, [:])].times[record.event] = record.sequence
    }

    // MARK: Both

    private mutating func note(
        _ record: LifecycleRecord, _ who: String, _ times: Times,
        _ needs: [(LifecycleEvent, [LifecycleEvent])]
    ) {
        let event = "\(record.event.structure) \(record.event.words)"
        if times[record.event] != nil { violations.append("\(who): \(event) twice") }
        for (needing, needed) in needs where needing == record.event {
            for before in needed where times[before] == nil {
                violations.append("\(who): \(event) before \(before.structure) \(before.words)")
            }
        }
    }

    private mutating func checkNothingLeft() {
        for (device, times) in devices.sorted(by: { $0.key < $1.key }) {
            for (begin, end) in LifecycleChecker.ends
            where times[begin] != nil && times[end] == nil {
                violations.append("device \(device): \(begin.structure) left at the end")
            }
        }
        for (table, state) in tables.sorted(by: { $0.key < $1.key })
        where state.times[.tableFreed] == nil || state.times[.tableReleased] == nil {
            violations.append("table \(table) left at the end")
        }
    }
}
