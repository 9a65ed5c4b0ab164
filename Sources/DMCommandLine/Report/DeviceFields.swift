import DMControl
import DeviceMapper

/// The fields of `info -c` and `splitname`, in dmsetup's order and words.
enum DeviceFields {
    typealias Field = ReportField<DeviceRow>

    static let defaults = ByteString("name,major,minor,attr,open,segments,events,uuid")
    static let splitNameDefaults = ByteString("vg_name,lv_name,lv_layer")

    static var all: [Field] { task + info + relations + nameParts + StatisticsFields.all }

    private static func text(
        _ id: String, _ heading: String, _ width: Int, _ category: ReportCategory,
        _ explanation: String, _ value: @escaping (_ row: DeviceRow) throws(Refusal) -> ByteString
    ) -> Field {
        Field(
            id: id, heading: heading, width: width, kind: .string, category: category,
            explanation: explanation
        ) { row throws(Refusal) in ReportValue(try value(row)) }
    }

    private static func number(
        _ id: String, _ heading: String, _ width: Int, _ category: ReportCategory,
        _ explanation: String,
        _ value: @escaping (_ row: DeviceRow) throws(Refusal) -> ReportValue
    ) -> Field {
        Field(
            id: id, heading: heading, width: width, kind: .number, category: category,
            explanation: explanation, value: value)
    }

    private static var task: [Field] {
        [
            text("name", "Name", 16, .task, "Name of mapped device.") { $0.name },
            text("mangled_name", "MangledName", 16, .task, "Mangled name of mapped device.") {
                row throws(Refusal) in
                try mangled(row.name, .name, row)
            },
            text("unmangled_name", "UnmangledName", 16, .task, "Unmangled name of mapped device.") {
                unmangled($0.name, $0)
            },
            text("uuid", "UUID", 32, .task, "Unique (optional) identifier for mapped device.") {
                $0.uuid
            },
            text(
                "mangled_uuid", "MangledUUID", 32, .task,
                "Mangled unique (optional) identifier for mapped device."
            ) { row throws(Refusal) in try mangled(row.uuid, .uuid, row) },
            text(
                "unmangled_uuid", "UnmangledUUID", 32, .task,
                "Unmangled unique (optional) identifier for mapped device."
            ) { unmangled($0.uuid, $0) },
            number("read_ahead", "RAhead", 6, .task, "Read ahead value.") {
                ReportValue(number: $0.readAhead() ?? 0)
            },
        ]
    }

    private static func mangled(
        _ string: ByteString, _ kind: Mangling.Kind, _ row: DeviceRow
    ) throws(Refusal) -> ByteString {
        try Mangling.mangledForReport(string, kind, mode: row.mangling)
    }

    /// Unless mangling is off the string was unmangled already.
    private static func unmangled(_ string: ByteString, _ row: DeviceRow) -> ByteString {
        row.mangling == .none ? Mangling.decoded(string) : string
    }

    private static var info: [Field] {
        [
            text("blkdevname", "BlkDevName", 16, .info, "Name of block device.") {
                row throws(Refusal) in
                guard let status = row.status else { return .empty }
                guard status.hasAnyTable, let name = row.names.kernelName(of: status.number) else {
                    throw Refusal("Could not resolve block device name for \(status.number).")
                }
                return name
            },
            text(
                "attr", "Stat", 4, .info,
                "(L)ive, (I)nactive, (s)uspended, (r)ead-only, read-(w)rite."
            ) { ByteString($0.status?.attributes ?? "") },
            text(
                "tables_loaded", "Tables", 6, .info,
                "Which of the live and inactive table slots are filled."
            ) { ByteString($0.status?.tablesLoaded ?? "") },
            text("suspended", "Suspended", 9, .info, "Whether the device is suspended.") {
                ByteString($0.status?.isSuspended == true ? "Suspended" : "Active")
            },
            text(
                "readonly", "Read-only", 9, .info, "Whether the device is read-only or writeable."
            ) { ByteString($0.status?.isReadOnly == true ? "Read-only" : "Writeable") },
            text("devno", "DevNo", 5, .info, "Device major and minor numbers") {
                ByteString($0.status?.number.description ?? "")
            },
            number("major", "Maj", 3, .info, "Block device major number.") {
                ReportValue(number: $0.status?.number.major ?? 0)
            },
            number("minor", "Min", 3, .info, "Block device minor number.") {
                ReportValue(number: $0.status?.number.minor ?? 0)
            },
            number(
                "open", "Open", 4, .info, "Number of references to open device, if requested."
            ) { ReportValue(signed: $0.status?.openCount ?? 0) },
            number(
                "segments", "Targ", 4, .info, "Number of segments in live table, if present."
            ) { ReportValue(number: $0.status?.targetCount ?? 0) },
            number("events", "Event", 6, .info, "Number of most recent event.") {
                ReportValue(number: $0.status?.eventNumber ?? 0)
            },
        ]
    }

    private static var relations: [Field] {
        [
            number(
                "device_count", "#Devs", 5, .dependencies, "Number of devices used by this one."
            ) { row throws(Refusal) in
                ReportValue(number: UInt32(clamping: try row.relations.dependencies().count))
            },
            text(
                "devs_used", "DevNamesUsed", 16, .tree,
                "List of names of mapped devices used by this one."
            ) { row throws(Refusal) in
                names(try row.relations.node()?.children ?? []).joined(separator: ",")
            },
            text(
                "devnos_used", "DevNosUsed", 16, .dependencies,
                "List of device numbers of devices used by this one."
            ) { row throws(Refusal) in
                try row.relations.dependencies().map { ByteString($0.description) }
                    .joined(separator: ",")
            },
            text(
                "blkdevs_used", "BlkDevNamesUsed", 16, .dependencies,
                "List of names of block devices used by this one."
            ) { row throws(Refusal) in
                var found: [ByteString] = []
                for device in try row.relations.dependencies() {
                    // A backing file has no name of that kind.
                    found.append(row.names.kernelName(of: device) ?? ByteString("\(device)"))
                }
                return found.joined(separator: ",")
            },
            number(
                "device_ref_count", "#Refs", 5, .tree,
                "Number of mapped devices referencing this one."
            ) { row throws(Refusal) in
                ReportValue(number: UInt32(clamping: try row.relations.node()?.parents.count ?? 0))
            },
            text(
                "names_using_dev", "RefNames", 8, .tree,
                "List of names of mapped devices using this one."
            ) { row throws(Refusal) in
                names(try row.relations.node()?.parents ?? []).joined(separator: ",")
            },
            text(
                "devnos_using_dev", "RefDevNos", 9, .tree,
                "List of device numbers of mapped devices using this one."
            ) { row throws(Refusal) in
                let parents = try row.relations.node()?.parents ?? []
                return parents.map { ByteString($0.number.description) }.joined(separator: ",")
            },
        ]
    }

    private static var nameParts: [Field] {
        [
            text(
                "subsystem", "Subsys", 6, .nameParts,
                "Userspace subsystem responsible for this device."
            ) { $0.parts.subsystem },
            text("vg_name", "VG", 4, .nameParts, "LVM Volume Group name.") { $0.parts.volumeGroup },
            text("lv_name", "LV", 4, .nameParts, "LVM Logical Volume name.") {
                $0.parts.logicalVolume
            },
            text("lv_layer", "LVLayer", 7, .nameParts, "LVM device layer.") { $0.parts.layer },
        ]
    }

    private static func names(_ nodes: [DependencyTree.Node]) -> [ByteString] {
        nodes.map(\.name).filter { !$0.isEmpty }
    }
}

/// Fields of every report of libdevmapper's.
enum SpecialField {
    static let selectedID = "selected"

    static var all: [DeviceFields.Field] {
        [
            field(selectedID, "Selected", "Set if item passes selection criteria.", true),
            field("help", "Help", "Show help.", false),
            field("?", "Help", "Show help.", false),
        ]
    }

    private static func field(
        _ id: String, _ heading: String, _ explanation: String, _ isSelectable: Bool
    ) -> DeviceFields.Field {
        DeviceFields.Field(
            id: id, heading: heading, width: 8, kind: .number, category: .special,
            explanation: explanation, isSelectable: isSelectable
        ) { _ in ReportValue(number: 1) }
    }
}
