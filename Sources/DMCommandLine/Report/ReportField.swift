import DeviceMapper

/// A column of a report, and how a row fills it.
struct ReportField<Row> {
    enum Kind: String {
        case string, number, size

        var isRightAligned: Bool { self != .string }
    }

    /// As given to `-o`, `-O` and `-S`, in any case and with or without its underscores.
    let id: String
    let heading: String
    /// Least width in bytes.
    let width: Int
    let kind: Kind
    let category: ReportCategory
    /// What help says of it.
    let explanation: String
    /// False for a field that `-S` can't compare.
    var isSelectable = true
    let value: (_ row: Row) throws(Refusal) -> ReportValue

    /// What `id` is compared by.
    var canonicalID: ByteString { ReportFieldName.canonical(ByteString(id)) }
}

enum ReportFieldName {
    static func canonical(_ name: ByteString) -> ByteString {
        ByteString(name.lowercased.bytes.filter { $0 != UInt8(ascii: "_") })
    }
}

/// What stands in a row's column.
struct ReportValue: Equatable {
    enum SortKey: Equatable {
        case string
        /// libdevmapper compares as unsigned 64-bit numbers, negative ones sign-extended.
        case number(UInt64)
    }

    var text: ByteString
    var sortKey: SortKey = .string

    init(_ text: ByteString) { self.text = text }
    init(_ text: String) { self.text = ByteString(text) }
    init(number: UInt32) {
        text = ByteString(String(number))
        sortKey = .number(UInt64(number))
    }

    init(signed: Int32) {
        text = ByteString(String(signed))
        sortKey = .number(UInt64(bitPattern: Int64(signed)))
    }
}

/// The sections in which fields are listed; `name_all` and so on stand for all of one.
struct ReportCategory: OptionSet, Hashable {
    let rawValue: UInt8

    static let task = ReportCategory(rawValue: 1)
    static let info = ReportCategory(rawValue: 2)
    static let dependencies = ReportCategory(rawValue: 4)
    static let tree = ReportCategory(rawValue: 8)
    static let nameParts = ReportCategory(rawValue: 16)
    static let statistics = ReportCategory(rawValue: 32)
    static let statisticsRegion = ReportCategory(rawValue: 64)
    static let special = ReportCategory(rawValue: 128)
    static let all = ReportCategory(rawValue: .max)

    /// In the order in which help lists them.
    static let listed: [ReportCategory] = [
        .task, .info, .dependencies, .tree, .nameParts, .statistics, .statisticsRegion, .special,
    ]

    var prefix: String {
        switch self {
        case .task: "name_"
        case .info: "info_"
        case .dependencies: "deps_"
        case .tree: "tree_"
        case .nameParts: "splitname_"
        case .statistics: "stats_"
        case .statisticsRegion: "region_"
        default: "special_"
        }
    }

    var title: String {
        switch self {
        case .task: "Mapped Device Name"
        case .info: "Mapped Device Information"
        case .dependencies, .tree: "Mapped Device Relationship Information"
        case .nameParts: "Mapped Device Name Components"
        case .statistics: "Mapped Device Statistics"
        case .statisticsRegion: "Mapped Device Statistics Region Information"
        default: "Special"
        }
    }
}
