import DMControl
import DeviceMapper

/// The report of one command line, if it asks for columns.
final class DeviceReport {
    private let report: Report<DeviceRow>
    private let fields: FieldSelection<DeviceRow>
    /// All devices and who uses whom, where a column needs that.
    private var tree: DependencyTree?
    /// What is run for each row that `-S` lets through, instead of printing the row.
    var forEachSelected: ((_ name: ByteString) throws(Refusal) -> Void)?

    /// Nil: help was asked for, and printed. Throws what dmsetup prints of a wrong list, without
    /// "Command failed.".
    init?(
        _ options: CommandLineOptions, command: String, personality: Personality, console: Console
    ) throws(Refusal) {
        let isSplitName = command == "splitname"
        var output = isSplitName ? DeviceFields.splitNameDefaults : DeviceFields.defaults
        if let given = options.fields {
            let isAddition = given.bytes.first == UInt8(ascii: "+")
            output =
                isAddition
                ? output + ByteString(",") + ByteString(given.bytes.dropFirst())
                : given
        }
        if options.sortKeys != nil, ["status", "table"].contains(command) {
            throw Refusal("--sort is not yet supported with status and table.")
        }
        // There are no statistics yet, and asking for them leaves no rows: as dmfuse "all" means
        // all that there is, as dmsetup it means what it means there.
        let everything = ReportCategory.all.subtracting(
            personality == .dmsetup ? [] : [.statistics, .statisticsRegion])
        let fields = try Self.fields(
            output: output, sort: options.sortKeys, everything: everything,
            categories: isSplitName ? .nameParts : [], console)
        self.fields = fields
        fields.warnings.forEach { console.report($0) }
        if fields.wantsHelp {
            Self.help(forSelection: false).forEach { console.report($0) }
            return nil
        }
        var selection: RowSelection<DeviceRow>?
        if let criteria = options.selection {
            guard criteria.lowercased != "help", criteria != "?" else {
                (Self.help(forSelection: true) + FieldHelp.operators)
                    .forEach { console.report($0) }
                return nil
            }
            selection = try Self.selection(criteria)
        }
        report = Report(fields: fields, layout: ReportLayout(options), selection: selection)
    }

    private static func help(forSelection: Bool) -> [String] {
        FieldHelp.fields(DeviceFields.all, special: SpecialField.all, forSelection: forSelection)
    }

    private static func fields(
        output: ByteString, sort: ByteString?, everything: ReportCategory,
        categories: ReportCategory, _ console: Console
    ) throws(Refusal) -> FieldSelection<DeviceRow> {
        do {
            return try FieldSelection(
                DeviceFields.all, special: SpecialField.all, everything: everything,
                categories: categories, output: output, sort: sort)
        } catch {
            throw Refusal(
                error.before + help(forSelection: false) + [error.after], cause: error.after)
        }
    }

    private static func selection(
        _ criteria: ByteString
    ) throws(Refusal) -> RowSelection<DeviceRow>? {
        do {
            return try SelectionParser.parse(
                criteria, fields: SpecialField.all + DeviceFields.all)
        } catch {
            let help =
                switch error.help {
                case .none: [String]()
                case .fields: help(forSelection: true)
                case .operators: FieldHelp.operators
                }
            throw Refusal(help + error.lines, cause: error.lines.first)
        }
    }

    // MARK: Rows

    /// Before the first row: reads the whole tree if a column needs it.
    func prepare(_ invocation: Invocation) throws(Refusal) {
        guard report.categories.contains(.tree) else { return }
        tree = try DependencyTree.whole(invocation)
    }

    func add(
        _ status: DeviceStatus, name: ByteString, uuid: ByteString,
        readAhead: @escaping () -> UInt32?, for invocation: Invocation
    ) throws(Refusal) {
        let daemon = invocation.daemon
        var row = DeviceRow(
            status: status, name: name, uuid: uuid, parts: LVMName(name, uuid: uuid),
            mangling: daemon.mangling, names: try daemon.blockNames(), readAhead: readAhead)
        let number = status.number
        if report.categories.contains(.tree) {
            guard let node = tree?.node(number) else {
                throw Refusal("Cannot find node \(number).")
            }
            row.relations.node = { () throws(Refusal) in node }
        }
        if report.categories.contains(.dependencies) {
            let inactive = invocation.options.inactive
            let dependencies = try Self.dependencies(of: number, inactive: inactive, daemon)
            row.relations.dependencies = { () throws(Refusal) in dependencies }
        }
        // A device has no statistics regions, and a row for each.
        guard report.categories.isDisjoint(with: [.statistics, .statisticsRegion]) else { return }
        try add(row, invocation)
    }

    func add(_ row: DeviceRow, _ invocation: Invocation) throws(Refusal) {
        guard let forEachSelected else {
            try report.add(row, to: invocation.console)
            return
        }
        let isSelected = try report.add(row, output: false, to: invocation.console)
        if isSelected { try forEachSelected(row.name) }
    }

    private static func dependencies(
        of number: DeviceNumber, inactive: Bool, _ daemon: DaemonClient
    ) throws(Refusal) -> [DeviceNumber] {
        let address = DeviceAddress(
            number: (Int32(bitPattern: number.major), Int32(bitPattern: number.minor)))
        do {
            return try daemon.run("deps", address) { client throws(DMError) in
                try client.dependencies(.number(number), inactive: inactive).1 ?? []
            }
        } catch {
            throw Refusal(error.lines + ["Cannot get deps for \(number)."])
        }
    }

    func output(to console: Console) {
        report.repeatHeadings()
        report.output(to: console)
    }
}
