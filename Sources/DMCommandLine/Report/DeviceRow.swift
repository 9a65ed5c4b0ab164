import DMControl
import DeviceMapper

/// What a report prints of one device, or of one name.
struct DeviceRow {
    /// What is asked of the daemon only when a column needs it.
    struct Relations {
        /// Newest first; none when there is no table.
        var dependencies: () throws(Refusal) -> [DeviceNumber] = { () throws(Refusal) in [] }
        var node: () throws(Refusal) -> DependencyTree.Node? = { () throws(Refusal) in nil }
    }

    /// Nil in the report of a mere name (`splitname`).
    var status: DeviceStatus?
    /// As people see it: not mangled, unless that is switched off.
    var name: ByteString
    var uuid: ByteString
    var parts: LVMName
    var mangling: Mangling.Mode
    var names: BlockDeviceNames
    /// In sectors; nil: it has no disk. Asked for only where a column shows it.
    var readAhead: () -> UInt32? = { nil }
    var relations = Relations()

    /// Splits a name and nothing else.
    static func splitting(
        _ name: ByteString, subsystem: ByteString, names: BlockDeviceNames
    ) -> DeviceRow {
        DeviceRow(
            name: name, uuid: .empty, parts: LVMName(name, subsystem: subsystem), mangling: .none,
            names: names)
    }
}
