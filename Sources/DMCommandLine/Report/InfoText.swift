import DMControl
import DeviceMapper

extension DeviceStatus {
    /// A device that never had a table has no disk; one that lost its last table still has, which
    /// can't be told from here.
    var hasAnyTable: Bool { hasLiveTable || hasInactiveTable }

    /// "LIsr": live, inactive, suspended, read-only or read-write.
    var attributes: String {
        (hasLiveTable ? "L" : "-") + (hasInactiveTable ? "I" : "-") + (isSuspended ? "s" : "-")
            + (isReadOnly ? "r" : "w")
    }

    var tablesLoaded: String {
        switch (hasLiveTable, hasInactiveTable) {
        case (true, true): "Both"
        case (true, false): "Live"
        case (false, true): "Inactive"
        case (false, false): "None"
        }
    }
}

/// What `info` prints of a device, and every command after it with `-v`.
enum InfoText {
    /// `name` and `uuid` as people see them; `readAhead` in sectors, nil without a disk.
    static func lines(
        _ status: DeviceStatus, name: ByteString, uuid: ByteString, readAhead: UInt32?
    ) -> [UInt8] {
        var text = Array("Name:              ".utf8) + name.bytes
        func add(_ line: String) { text += Array("\n\(line)".utf8) }
        let state = status.isSuspended ? "SUSPENDED" : "ACTIVE"
        let mode = status.isReadOnly ? " (READ-ONLY)" : ""
        let removal = status.isRemovalDeferred ? " (DEFERRED REMOVE)" : ""
        add("State:             \(state)\(mode)\(removal)")
        if let readAhead { add("Read Ahead:        \(readAhead)") }
        let tables =
            (status.hasLiveTable ? ["LIVE"] : [])
            + (status.hasInactiveTable ? ["INACTIVE"] : [])
        add("Tables present:    \(tables.isEmpty ? "None" : tables.joined(separator: " & "))")
        // -1: not counted.
        if status.openCount != -1 { add("Open count:        \(status.openCount)") }
        add("Event number:      \(status.eventNumber)")
        add("Major, minor:      \(status.number.major), \(status.number.minor)")
        add("Number of targets: \(status.targetCount)")
        if !uuid.isEmpty { text += Array("\nUUID: ".utf8) + uuid.bytes }
        return text + Array("\n\n".utf8)
    }
}
