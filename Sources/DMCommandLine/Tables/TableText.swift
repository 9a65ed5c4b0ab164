import DMControl
import DeviceMapper

/// The text of a table: a line a target, `start length type parameters`, as dmsetup reads it.
///
/// Byte work in one pass: a table of 100,000 lines is an everyday one.
enum TableText {
    private static let newline = UInt8(ascii: "\n")
    private static let hash = UInt8(ascii: "#")
    /// DM_MAX_TYPE_NAME with its NUL.
    private static let typeCapacity = 16

    /// `source` is what the refusal of a line calls the text: empty for `--table`, "on stdin", or a
    /// file's name.
    static func parse(_ text: [UInt8], source: String) throws(Refusal) -> [TableLine] {
        var lines: [TableLine] = []
        var number = 0
        var start = 0
        while start < text.count {
            number += 1
            let end = endOfLine(text, from: start)
            switch line(text[start..<end]) {
            case .nothing: break
            case .line(let line):
                guard line.targetType.count < typeCapacity else {
                    throw Refusal("Target type name \(line.targetType.string) is too long.")
                }
                lines.append(line)
            case .malformed:
                throw Refusal("Invalid format on line \(number) of table \(source).")
            }
            start = end + 1
        }
        return lines
    }

    private static func endOfLine(_ text: [UInt8], from start: Int) -> Int {
        text[start...].firstIndex(of: newline) ?? text.count
    }

    private enum Outcome {
        /// A blank line or a comment.
        case nothing
        case line(TableLine)
        case malformed
    }

    private static func line(_ bytes: ArraySlice<UInt8>) -> Outcome {
        var rest = bytes.prefix { $0 != 0 }
        while let last = rest.last, Decimal.isSpace(last) { rest.removeLast() }
        rest = rest.drop(while: Decimal.isSpace)
        guard let first = rest.first, first != hash else { return .nothing }
        guard let start = Decimal.unsigned(&rest), let length = Decimal.unsigned(&rest) else {
            return .malformed
        }
        rest = rest.drop(while: Decimal.isSpace)
        let type = rest.prefix { !Decimal.isSpace($0) }
        guard !type.isEmpty else { return .malformed }
        let parameters = rest[type.endIndex...].drop(while: Decimal.isSpace).prefix { $0 != hash }
        return .line(
            TableLine(
                start: start.value, length: length.value, targetType: ByteString(type),
                parameters: ByteString(parameters)))
    }
}
