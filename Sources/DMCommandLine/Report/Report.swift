import DeviceMapper

/// A table of rows and columns on standard output, as libdevmapper's reports print it.
final class Report<Row> {
    private let layout: ReportLayout
    private let selection: RowSelection<Row>?
    private let columns: [FieldSelection<Row>.Column]
    private let sortKeyCount: Int
    private var widths: [Int]
    /// Rows to be printed, a value a column.
    private var lines: [[ReportValue]] = []
    private var headingsPrinted = false

    /// What rows must know.
    let categories: ReportCategory

    init(fields: FieldSelection<Row>, layout: ReportLayout, selection: RowSelection<Row>?) {
        self.layout = layout
        self.selection = selection
        // Hidden columns stand first, as in libdevmapper: see printHeadings.
        columns = (selection?.columns(besides: fields.columns) ?? []) + fields.columns
        sortKeyCount = fields.sortKeyCount
        widths = columns.map(\.field.width)
        categories = fields.categories.union(selection?.categories ?? [])
    }

    var isEmpty: Bool { lines.isEmpty }

    /// True if the row passes the selection. `output`: it is to be printed as well.
    @discardableResult
    func add(_ row: Row, output: Bool = true, to console: Console) throws(Refusal) -> Bool {
        var values: [ReportValue] = []
        values.reserveCapacity(columns.count)
        for column in columns {
            do {
                values.append(try column.field.value(row))
            } catch {
                throw Refusal(
                    error.lines
                        + ["_do_report_object: report function failed for field \(column.field.id)"]
                )
            }
        }
        let isSelected = selection?.matches(columns, values) ?? true
        let selectedColumn = columns.firstIndex { $0.field.id == SpecialField.selectedID }
        if let selectedColumn {
            values[selectedColumn] = ReportValue(number: isSelected ? 1 : 0)
        }
        let shown = isSelected || (selectedColumn.map { !columns[$0].isHidden } ?? false)
        guard output, shown else { return isSelected }
        lines.append(values)
        if !layout.isBuffered { self.output(to: console) }
        return isSelected
    }

    /// Prints and forgets the rows so far. Nothing at all without rows.
    func output(to console: Console) {
        guard !lines.isEmpty else { return }
        for line in lines {
            for (index, value) in line.enumerated() {
                widths[index] = max(widths[index], value.text.count)
            }
        }
        if layout.isBuffered, sortKeyCount > 0 { lines = sorted() }
        if layout.columnsAsRows {
            printColumnsAsRows(to: console)
        } else {
            if !headingsPrinted { printHeadings(to: console) }
            printRows(to: console)
        }
        lines = []
        widths = columns.map(\.field.width)
    }

    /// Repeated reports print their headings every time.
    func repeatHeadings() { headingsPrinted = false }

    /// Stable, since the rows came in an order that means something.
    private func sorted() -> [[ReportValue]] {
        let keys = columns.indices.filter { columns[$0].sortPosition != nil }
            .sorted { (columns[$0].sortPosition ?? 0) < (columns[$1].sortPosition ?? 0) }
        let order = lines.indices.sorted { left, right in
            for key in keys {
                let (a, b) = (lines[left][key], lines[right][key])
                guard a != b else { continue }
                return columns[key].isDescending ? Self.precedes(b, a) : Self.precedes(a, b)
            }
            return left < right
        }
        return order.map { lines[$0] }
    }

    private static func precedes(_ a: ReportValue, _ b: ReportValue) -> Bool {
        if case .number(let a) = a.sortKey, case .number(let b) = b.sortKey { return a < b }
        return a.text < b.text
    }

    private func printHeadings(to console: Console) {
        headingsPrinted = true
        guard layout.hasHeadings else { return }
        var line: [UInt8] = []
        let visible = columns.indices.filter { !columns[$0].isHidden }
        for index in visible {
            let heading = Array(columns[index].field.heading.utf8)
            if layout.isAligned {
                line += Self.padded(heading, to: widths[index], right: false)
            } else {
                line += heading
            }
            // libdevmapper looks at the last column, whether hidden or not; hidden ones stand
            // first.
            if index != columns.count - 1 { line += layout.separator }
        }
        console.print(line + [UInt8(ascii: "\n")])
    }

    private func printRows(to console: Console) {
        for line in lines {
            var text: [UInt8] = []
            var isFirst = true
            for index in columns.indices where !columns[index].isHidden {
                if !isFirst { text += layout.separator }
                isFirst = false
                text += field(index, line[index])
            }
            console.print(text + [UInt8(ascii: "\n")])
        }
    }

    private func printColumnsAsRows(to console: Console) {
        for index in columns.indices where !columns[index].isHidden {
            var text: [UInt8] = []
            if layout.hasHeadings {
                text += Array(columns[index].field.heading.utf8) + layout.separator
            }
            for (place, line) in lines.enumerated() {
                if place > 0 { text += layout.separator }
                text += field(index, line[index])
            }
            console.print(text + [UInt8(ascii: "\n")])
        }
    }

    private func field(_ index: Int, _ value: ReportValue) -> [UInt8] {
        let field = columns[index].field
        var text = value.text.bytes
        if layout.isAligned {
            text = Self.padded(text, to: widths[index], right: field.kind.isRightAligned)
        }
        guard let prefix = layout.namePrefix else { return text }
        let quote = layout.isQuoted ? "'" : ""
        return Array("\(prefix)\(field.id.uppercased())=\(quote)".utf8) + text + Array(quote.utf8)
    }

    /// Exactly `width` bytes: cut or padded.
    private static func padded(_ text: [UInt8], to width: Int, right: Bool) -> [UInt8] {
        let padding = Array(repeating: UInt8(ascii: " "), count: max(0, width - text.count))
        return right ? padding + text.prefix(width) : text.prefix(width) + padding
    }
}
