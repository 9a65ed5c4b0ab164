import DeviceMapper

/// Reads the criteria of `-S`:
///
///     or   := and [("||" | "#") or]
///     and  := term [("&&" | ",") and]
///     term := "!" "(" or ")" | "(" or ")" | FIELD OPERATOR VALUE
///
/// A value is a number, or a string that ends at its quote, or unquoted at a space, a logical
/// operator or a right parenthesis. A regular expression may stand in brackets of any kind too.
struct SelectionParser<Row> {
    typealias Node = RowSelection<Row>.Node

    /// What is printed before and after which help.
    struct Failure: Error {
        enum Help { case none, fields, operators }
        var help = Help.none
        let lines: [String]
    }

    private let fields: [ReportField<Row>]
    private var rest: ArraySlice<UInt8>
    /// Parentheses that are open.
    private var depth = 0
    /// More would take the stack: dmsetup, which has no limit, dies of it.
    private static var maximumDepth: Int { 1000 }

    private init(_ text: ByteString, _ fields: [ReportField<Row>]) {
        rest = text.bytes[...]
        self.fields = fields
    }

    /// Nil: everything is selected.
    static func parse(
        _ text: ByteString, fields: [ReportField<Row>]
    ) throws(Failure) -> RowSelection<Row>? {
        guard !text.isEmpty, text.lowercased != "all" else { return nil }
        var parser = SelectionParser(text, fields)
        let root = try parser.any()
        parser.skipSpace()
        guard parser.rest.isEmpty else {
            throw parser.syntaxError(["Expecting logical operator"], at: parser.rest)
        }
        return RowSelection(root: root)
    }

    private mutating func any() throws(Failure) -> Node {
        var nodes = [try all()]
        while take("||") || take("#") { nodes.append(try all()) }
        return nodes.count == 1 ? nodes[0] : .any(nodes)
    }

    private mutating func all() throws(Failure) -> Node {
        var nodes = [try term()]
        while take("&&") || take(",") { nodes.append(try term()) }
        return nodes.count == 1 ? nodes[0] : .all(nodes)
    }

    private mutating func term() throws(Failure) -> Node {
        let isNegated = take("!")
        guard take("(") else {
            guard !isNegated else { throw parenthesis("left") }
            return try comparison()
        }
        depth += 1
        guard depth <= Self.maximumDepth else {
            throw Failure(lines: ["Syntax error: more than \(Self.maximumDepth) open parentheses"])
        }
        let inner = try any()
        depth -= 1
        guard take(")") else { throw parenthesis("right") }
        return isNegated ? .not(inner) : inner
    }

    private func parenthesis(_ side: String) -> Failure {
        let place = Printable.text(rest)
        return Failure(lines: ["Syntax error: \(side) parenthesis expected at '\(place)'"])
    }

    private mutating func comparison() throws(Failure) -> Node {
        skipSpace()
        let start = rest
        let name = rest.prefix { isNameByte($0) }
        guard !name.isEmpty else { throw syntaxError(["Expecting field name"], at: start) }
        rest = rest[name.endIndex...]
        let field = try self.field(ByteString(name), start)
        guard let sign = takeOperator() else {
            let found = Printable.text(rest)
            throw syntaxError(
                ["Unrecognised comparison operator: \(found)"], at: start, help: .operators)
        }
        skipSpace()
        if sign == "=~" || sign == "!~" { return try regularExpression(field, sign, start) }
        let text: ByteString
        var number: UInt64 = 0
        if field.kind == .string {
            guard sign == "=" || sign == "!=" else {
                let line =
                    "Operator can be used only with number, size, time or percent fields: "
                    + Printable.text(start)
                throw syntaxError([line], at: start, help: .operators)
            }
            text = try string(
                closing: openingQuote(),
                orElse: ["Failed to parse string value for selection field \(field.id)."], start)
        } else {
            let digits = rest.prefix { Decimal.isDigit($0) || $0 == UInt8(ascii: ".") }
            guard !digits.isEmpty else {
                throw syntaxError(
                    ["Failed to parse numeric value for selection field \(field.id)."], at: start)
            }
            rest = rest[digits.endIndex...]
            if let unit = rest.first, "bskmgtpe".utf8.contains(unit | 0x20) {
                guard field.kind == .size else {
                    let line =
                        "Found size unit specifier but numeric value expected for selection field "
                        + "\(field.id)."
                    throw syntaxError([line], at: start)
                }
                // No row has a size yet: the number is compared with none.
                rest.removeFirst()
            }
            text = ByteString(digits)
            var whole = digits
            let value = Decimal.unsigned(&whole) ?? (0, false)
            guard !value.overflow else {
                throw Failure(
                    lines: [
                        "Field selection value \(text.string) out of supported range for field "
                            + "\(field.id)."
                    ])
            }
            number = value.value
        }
        return .comparison(
            RowSelection<Row>.Comparison(
                field: field, test: Self.test(sign), text: text, number: number))
    }

    private func field(
        _ name: ByteString, _ start: ArraySlice<UInt8>
    ) throws(Failure) -> ReportField<Row> {
        let canonical = ReportFieldName.canonical(name)
        guard let field = fields.first(where: { $0.canonicalID == canonical }) else {
            throw syntaxError(
                ["Unrecognised selection field: \(name)"], at: start, help: .fields)
        }
        guard field.isSelectable else {
            throw syntaxError(
                ["Selection field is uncomparable: \(name)."], at: start, help: .fields)
        }
        return field
    }

    private mutating func regularExpression(
        _ field: ReportField<Row>, _ sign: String, _ start: ArraySlice<UInt8>
    ) throws(Failure) -> Node {
        guard let first = rest.first else {
            throw syntaxError(
                ["Regular expression expected for selection field \(field.id)"], at: start)
        }
        let closing: UInt8?
        switch first {
        case UInt8(ascii: "("): closing = UInt8(ascii: ")")
        case UInt8(ascii: "{"): closing = UInt8(ascii: "}")
        case UInt8(ascii: "["): closing = UInt8(ascii: "]")
        case UInt8(ascii: "\""), UInt8(ascii: "'"): closing = first
        default: closing = nil
        }
        if closing != nil { rest.removeFirst() }
        let text = try string(
            closing: closing,
            orElse: ["Failed to parse regex value for selection field \(field.id)."], start)
        guard let pattern = Pattern(text) else {
            throw Failure(
                lines: [
                    "dm_report: failed to create matcher for regular expression: \(text.string)"
                ])
        }
        return .comparison(
            RowSelection<Row>.Comparison(
                field: field, test: sign == "=~" ? .matches(pattern) : .matchesNot(pattern),
                text: text, number: 0))
    }

    private static func test(_ sign: String) -> RowSelection<Row>.Comparison.Test {
        switch sign {
        case "!=": .notEqual
        case ">": .greater
        case ">=": .greaterOrEqual
        case "<": .less
        case "<=": .lessOrEqual
        default: .equal
        }
    }

    private mutating func openingQuote() -> UInt8? {
        guard let first = rest.first, first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
        else {
            return nil
        }
        rest.removeFirst()
        return first
    }

    private mutating func string(
        closing: UInt8?, orElse lines: [String], _ start: ArraySlice<UInt8>
    ) throws(Failure) -> ByteString {
        var text: [UInt8] = []
        if let closing {
            guard let end = rest.firstIndex(of: closing) else {
                throw syntaxError(["Missing end quote."] + lines, at: start)
            }
            text = Array(rest[..<end])
            rest = rest[(end + 1)...]
        } else {
            while let byte = rest.first, byte != UInt8(ascii: " "), !isAtLogicalOperator {
                text.append(byte)
                rest.removeFirst()
            }
        }
        return ByteString(text)
    }

    private var isAtLogicalOperator: Bool {
        let here = rest.drop(while: Decimal.isSpace)
        return ["&&", ",", "||", "#", ")"].contains { here.starts(with: $0.utf8) }
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte | 0x20) || Decimal.isDigit(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }

    private mutating func takeOperator() -> String? {
        ["=~", "!~", "=", "!=", ">=", ">", "<=", "<"].first { take($0) }
    }

    private mutating func skipSpace() { rest = rest.drop(while: Decimal.isSpace) }

    private mutating func take(_ sign: String) -> Bool {
        let here = rest.drop(while: Decimal.isSpace)
        guard here.starts(with: sign.utf8) else { return false }
        rest = here.dropFirst(sign.utf8.count)
        return true
    }

    private func syntaxError(
        _ lines: [String], at place: ArraySlice<UInt8>, help: Failure.Help = .none
    ) -> Failure {
        let text = Printable.text(place)
        return Failure(
            help: help,
            lines: lines + [
                "Selection syntax error at '\(text)'.",
                "Use 'help' for selection to get more help.",
            ])
    }
}
