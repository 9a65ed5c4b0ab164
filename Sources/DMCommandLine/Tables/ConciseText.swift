import DeviceMapper

/// `name,uuid,minor,flags,line[,line...][;name,...]`: one or more devices on one line, as
/// `create --concise` reads them. A backslash quotes the character after it.
///
/// The devices before a malformed one are made before it is refused, as dmsetup does it: so they
/// are handed out one by one.
struct ConciseText {
    struct Device: Equatable {
        var name: ByteString
        var uuid: ByteString
        var minor: Int32?
        var readOnly: Bool
        /// Lines with newlines between them.
        var table: [UInt8]
    }

    private static let fieldCount = 5
    private static let newline = UInt8(ascii: "\n")

    private var rest: ArraySlice<UInt8>

    init(_ text: [UInt8]) { rest = text.prefix { $0 != 0 } }

    /// The next device, or nil at the end.
    mutating func next() throws(Refusal) -> Device? {
        var fields: [[UInt8]] = [[]]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                guard let quoted = rest.popFirst() else {
                    throw Self.refusal(
                        "Backslash must be followed by another character at end of string.", fields)
                }
                fields[fields.count - 1].append(quoted)
            case UInt8(ascii: ",") where fields.count < Self.fieldCount:
                fields.append([])
                rest = rest.drop(while: Decimal.isSpace)
            case UInt8(ascii: ","):
                fields[fields.count - 1].append(Self.newline)
            case UInt8(ascii: ";"):
                rest = rest.drop(while: Decimal.isSpace)
                return try Self.device(fields)
            default:
                fields[fields.count - 1].append(byte)
                if rest.isEmpty { return try Self.device(fields) }
            }
        }
        // A last character that was quoted, or a comma, doesn't end a device.
        guard fields == [[]] else {
            throw Self.refusal(
                "Incomplete entry: five comma-separated fields are required for each device", fields
            )
        }
        return nil
    }

    private static func device(_ fields: [[UInt8]]) throws(Refusal) -> Device {
        guard fields.count == fieldCount else {
            throw refusal("Five comma-separated fields are required for each device", fields)
        }
        let flags = ByteString(fields[3])
        let known: [ByteString] = ["", "rw", "ro"]
        guard known.contains(flags) else {
            throw Refusal(
                "Invalid flags parameter '\(flags)' must be 'ro' or 'rw' or empty.")
        }
        return Device(
            name: ByteString(fields[0]), uuid: ByteString(fields[1]),
            minor: fields[2].isEmpty ? nil : Decimal.atoi(fields[2]), readOnly: flags == "ro",
            table: fields[4])
    }

    /// dmsetup prints the lines of the table as lines.
    private static func refusal(_ line: String, _ fields: [[UInt8]]) -> Refusal {
        func text(_ index: Int) -> String {
            index < fields.count ? Printable.text(fields[index]) : "(null)"
        }
        var table = ["(null)"]
        if fields.count == fieldCount {
            table = fields[4].split(separator: newline, omittingEmptySubsequences: false)
                .map { Printable.text($0) }
        }
        let parsed =
            "Parsed \(fields.count) fields: name: \(text(0)) uuid: \(text(1)) minor: \(text(2)) "
            + "flags: \(text(3)) table: \(table[0])"
        return Refusal([line, parsed] + table.dropFirst())
    }

    /// `table --concise`: what must be quoted in the text of a field.
    static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            if ",;\\".utf8.contains(byte) { result.append(UInt8(ascii: "\\")) }
            result.append(byte)
        }
        return result
    }
}
