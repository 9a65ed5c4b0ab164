import DeviceMapper

/// Reads `-o` and `-O`.
struct FieldSelection<Row> {
    /// An output column, or a hidden one that only sorts.
    struct Column {
        let field: ReportField<Row>
        var isHidden = false
        /// Place among the sort keys, and direction.
        var sortPosition: Int?
        var isDescending = false
    }

    private let fields: [ReportField<Row>]
    private let specialFields: [ReportField<Row>]
    private let everything: ReportCategory
    private(set) var columns: [Column] = []
    private(set) var sortKeyCount = 0
    /// All that the columns need to know of a row.
    private(set) var categories: ReportCategory
    /// Warnings, for standard error.
    private(set) var warnings: [String] = []

    /// Where a list named nothing that is a field: the lines before help, and those after it.
    struct Failure: Error {
        var before: [String] = []
        let after: String
    }

    /// `everything` is what the word "all" alone stands for; `categories` what is needed in any
    /// case.
    init(
        _ fields: [ReportField<Row>], special: [ReportField<Row>], everything: ReportCategory,
        categories: ReportCategory, output: ByteString, sort: ByteString?
    ) throws(Failure) {
        self.fields = fields
        specialFields = special
        self.everything = everything
        self.categories = categories
        let outputNames = Self.words(output)
        let sortNames = sort.map(Self.words) ?? []
        // Twice, since "all" stands for the categories that the other words, even later ones, name.
        for name in outputNames { try noteCategories(of: name) }
        for name in sortNames { self.categories.formUnion(try sortField(name).field.category) }
        for name in outputNames { addColumns(of: name) }
        for name in sortNames { addSortKey(try sortField(name)) }
    }

    /// Whether the field `help` or `?` is among the columns.
    var wantsHelp: Bool {
        columns.contains { $0.field.category == .special && ["help", "?"].contains($0.field.id) }
    }

    /// The words between commas; commas in a row count once, a comma at the end leaves an empty
    /// word.
    private static func words(_ list: ByteString) -> [ByteString] {
        let comma = UInt8(ascii: ",")
        var words: [ByteString] = []
        var rest = list.bytes[...]
        while !rest.isEmpty {
            rest = rest.drop { $0 == comma }
            let word = rest.prefix { $0 != comma }
            words.append(ByteString(word))
            rest = rest[word.endIndex...]
        }
        return words
    }

    private func field(named name: ByteString) -> ReportField<Row>? {
        guard !name.isEmpty else { return nil }
        let canonical = ReportFieldName.canonical(name)
        return (specialFields + fields).first { $0.canonicalID == canonical }
    }

    /// The categories for which `all`, `name_all`, `info_all`, ... stands.
    private func categories(named name: ByteString) -> ReportCategory? {
        if name.lowercased == "all" { return categories.isEmpty ? everything : categories }
        let canonical = ReportFieldName.canonical(name)
        return ReportCategory.listed.first {
            $0 != .special && canonical == ReportFieldName.canonical(ByteString($0.prefix)) + "all"
        }
    }

    private mutating func noteCategories(of name: ByteString) throws(Failure) {
        if let field = field(named: name) {
            categories.formUnion(field.category)
        } else if let named = categories(named: name) {
            categories.formUnion(named)
        } else {
            throw Failure(after: "Unrecognised field: \(name)")
        }
    }

    private mutating func addColumns(of name: ByteString) {
        if let field = field(named: name) {
            columns.append(Column(field: field))
        } else if let named = categories(named: name) {
            columns += fields.filter { named.contains($0.category) }.map { Column(field: $0) }
        }
    }

    private func sortField(
        _ key: ByteString
    ) throws(Failure) -> (field: ReportField<Row>, isDescending: Bool) {
        let hasSign = key.hasPrefix("+") || key.hasPrefix("-")
        let name = hasSign ? ByteString(key.bytes.dropFirst()) : key
        if let field = field(named: name) { return (field, key.hasPrefix("-")) }
        let missing = hasSign && name.isEmpty
        throw Failure(
            before: missing ? ["dm_report: Missing sort field name"] : [],
            after: "dm_report: Unrecognised field: \(key)")
    }

    private mutating func addSortKey(_ key: (field: ReportField<Row>, isDescending: Bool)) {
        let existing = columns.firstIndex { $0.field.id == key.field.id }
        if let existing, columns[existing].sortPosition != nil {
            warnings.append("dm_report: Ignoring duplicate sort field: \(key.field.id).")
            return
        }
        var column = existing.map { columns[$0] } ?? Column(field: key.field, isHidden: true)
        column.sortPosition = sortKeyCount
        column.isDescending = key.isDescending
        sortKeyCount += 1
        if let existing { columns[existing] = column } else { columns.insert(column, at: 0) }
    }
}
