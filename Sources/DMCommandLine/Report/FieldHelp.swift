/// The lists of fields and operators that `-o help`, `-S help` and unknown names print.
enum FieldHelp {
    /// `forSelection`: with each field's type, and without the words that stand for a section.
    static func fields<Row>(
        _ fields: [ReportField<Row>], special: [ReportField<Row>], forSelection: Bool
    ) -> [String] {
        let longestID = (fields + special).map(\.id.count).max() ?? 0
        let longestAll =
            ReportCategory.listed.filter { $0 != .special }
            .map { $0.prefix.count + 3 }.max() ?? 0
        let width = max(longestID, longestAll)
        return list(fields, width, forSelection) + [" "] + list(special, width, forSelection) + [
            " "
        ]
    }

    private static func list<Row>(
        _ fields: [ReportField<Row>], _ width: Int, _ forSelection: Bool
    ) -> [String] {
        var lines: [String] = []
        var lastTitle: String?
        for field in fields {
            let title = field.category.title
            if title != lastTitle {
                if lastTitle != nil { lines.append(" ") }
                lines.append("\(title) Fields")
                lines.append(String(repeating: "-", count: title.count + 7))
                if !forSelection, field.category != .special {
                    let name = "\(field.category.prefix)all"
                    lines.append("  \(padded(name, width)) - All fields in this section.")
                }
                lastTitle = title
            }
            let unselectable = field.isSelectable ? "" : "unselectable "
            let type = forSelection ? " [\(unselectable)\(field.kind.rawValue)]" : ""
            lines.append("  \(padded(field.id, width)) - \(field.explanation)\(type)")
        }
        return lines
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static let operators = [
        "Selection operands",
        "------------------",
        "  field               - Reporting field.",
        "  number              - Non-negative integer value.",
        "  size                - Floating point value with units, 'm' unit used by default if "
            + "not specified.",
        "  percent             - Non-negative integer with or without % suffix.",
        "  string              - Characters quoted by ' or \" or unquoted.",
        "  string list         - Strings enclosed by [ ] or { } and elements delimited by either",
        "                        \"all items must match\" or \"at least one item must match\" "
            + "operator.",
        "  regular expression  - Characters quoted by ' or \" or unquoted.",
        " ",
        "Selection operators",
        "-------------------",
        "  Comparison operators:",
        "        =~  - Matching regular expression. [regex]",
        "        !~  - Not matching regular expression. [regex]",
        "         =  - Equal to. [number, size, percent, string, string list, time]",
        "        !=  - Not equal to. [number, size, percent, string, string_list, time]",
        "        >=  - Greater than or equal to. [number, size, percent, time]",
        "         >  - Greater than. [number, size, percent, time]",
        "        <=  - Less than or equal to. [number, size, percent, time]",
        "         <  - Less than. [number, size, percent, time]",
        "     since  - Since specified time (same as '>='). [time]",
        "     after  - After specified time (same as '>'). [time]",
        "     until  - Until specified time (same as '<='). [time]",
        "    before  - Before specified time (same as '<'). [time]",
        " ",
        "  Logical and grouping operators:",
        "      &&  - All fields must match",
        "       ,  - All fields must match",
        "      ||  - At least one field must match",
        "       #  - At least one field must match",
        "       !  - Logical negation",
        "       (  - Left parenthesis",
        "       )  - Right parenthesis",
        "       [  - List start",
        "       ]  - List end",
        "       {  - List subset start",
        "       }  - List subset end",
        " ",
    ]
}
