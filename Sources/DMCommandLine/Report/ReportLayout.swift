import DeviceMapper

/// What a report looks like, but for its fields.
struct ReportLayout {
    var separator = Array(" ".utf8)
    /// Columns padded to one width.
    var isAligned = true
    var hasHeadings = true
    /// All rows are known, and sorted, before the first is printed.
    var isBuffered = true
    /// `NAME='value'` with this before the name.
    var namePrefix: String?
    var isQuoted = true
    /// A line a field instead of a line a row.
    var columnsAsRows = false

    /// As dmsetup's options have it.
    init(_ options: CommandLineOptions) {
        if options.noHeadings {
            separator = Array(":".utf8)
            isAligned = false
            hasHeadings = false
        }
        isBuffered = !options.unbuffered || options.rows || options.sortKeys != nil
        columnsAsRows = options.rows
        isQuoted = !options.unquoted
        if options.namePrefixes {
            isAligned = false
            namePrefix = "DM_"
        }
        if let separator = options.separator {
            self.separator = separator.bytes
            isAligned = false
        }
        if columnsAsRows { isAligned = false }
        if options.fields?.contains("help") == true { hasHeadings = false }
    }
}
