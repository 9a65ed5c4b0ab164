import DeviceMapper

/// How libdevmapper writes names and uuids that hold more than udev's white list: a byte outside
/// `0-9A-Za-z#+-.:=@_` becomes `\xNN`. Device-mapper itself holds the mangled form; people see the
/// other.
enum Mangling {
    enum Mode {
        /// What is already mangled stays; a mixture is refused. The default.
        case auto
        case hex
        case none

        /// The value of `--manglename` or DM_DEFAULT_NAME_MANGLING_MODE, in any case.
        init?(_ word: ByteString) {
            switch word.lowercased {
            case "auto": self = .auto
            case "hex": self = .hex
            case "none": self = .none
            default: return nil
            }
        }
    }

    /// libdevmapper's buffers: the longest string that fits is one byte less (DM_NAME_LEN,
    /// DM_UUID_LEN).
    enum Kind {
        case name, newName, uuid, newUUID

        var capacity: Int {
            switch self {
            case .name, .newName: 128
            case .uuid, .newUUID: 129
            }
        }

        fileprivate var noun: String {
            switch self {
            case .name: "name"
            case .newName: "new name"
            case .uuid: "UUID"
            case .newUUID: "new UUID"
            }
        }

        fileprivate func failure(_ text: String) -> String {
            switch self {
            case .name: "Failed to mangle device name \"\(text)\"."
            case .newName: "Failed to mangle new device name \"\(text)\""
            case .uuid: "Failed to mangle device uuid \"\(text)\"."
            case .newUUID: "Failed to mangle new device UUID \"\(text)\""
            }
        }
    }

    private static let backslash = UInt8(ascii: "\\")
    private static let x = UInt8(ascii: "x")

    static func isWhitelisted(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default:
            "#+-.:=@_".utf8.contains(byte)
        }
    }

    /// The form to send for what a user wrote.
    static func mangle(
        _ string: ByteString, _ kind: Kind, mode: Mode
    ) throws(Refusal) -> ByteString {
        guard mode != .none else { return string }
        try refuseTwiceMangled(string, kind, mode: mode)
        do {
            return ByteString(try mangled(string.bytes, kind, hex: mode == .hex))
        } catch {
            throw Refusal(error.lines + [kind.failure(string.string)])
        }
    }

    /// The `mangled_name` and `mangled_uuid` of a report: even with mode `none`.
    static func mangledForReport(
        _ string: ByteString, _ kind: Kind, mode: Mode
    ) throws(Refusal) -> ByteString {
        do {
            return ByteString(try mangled(string.bytes, kind, hex: mode == .hex))
        } catch {
            throw Refusal(error.lines + [kind.failure(string.string)])
        }
    }

    private static func mangled(
        _ bytes: [UInt8], _ kind: Kind, hex: Bool
    ) throws(Refusal) -> [UInt8] {
        var result: [UInt8] = []
        var sawMangled = false
        var didMangle = false
        var rest = bytes[...]
        while let byte = rest.first {
            if !hex, rest.starts(with: [backslash, x]) {
                guard rest.count >= 4, !didMangle else { throw mixed(bytes, kind) }
                result += rest.prefix(4)
                rest = rest.dropFirst(4)
                sawMangled = true
            } else {
                rest.removeFirst()
                if isWhitelisted(byte) {
                    result.append(byte)
                } else {
                    guard !sawMangled else { throw mixed(bytes, kind) }
                    result += Printable.escaped(byte)
                    didMangle = true
                }
            }
            guard result.count < kind.capacity else {
                throw Refusal(
                    "Mangled form of the \(kind.noun) too long for "
                        + "\"\(Printable.text(bytes))\".")
            }
        }
        return result
    }

    private static func mixed(_ bytes: [UInt8], _ kind: Kind) -> Refusal {
        Refusal(
            "The \(kind.noun) \"\(Printable.text(bytes))\" contains mixed mangled "
                + "and unmangled characters or it's already mangled improperly.")
    }

    private static func refuseTwiceMangled(
        _ string: ByteString, _ kind: Kind, mode: Mode
    ) throws(Refusal) {
        guard mode == .auto, isTwiceMangled(string) else { return }
        throw Refusal(
            "The \(kind.noun) \"\(string.string)\" seems to be mangled more than once. "
                + "This is not allowed in auto mode.")
    }

    /// Whether it holds a backslash and an x that were mangled themselves.
    static func isTwiceMangled(_ string: ByteString) -> Bool {
        string.contains("\\x5cx")
    }

    /// What people see of a string that device-mapper holds.
    static func unmangle(
        _ string: ByteString, _ kind: Kind, mode: Mode
    ) throws(Refusal) -> ByteString {
        guard mode != .none else { return string }
        try refuseTwiceMangled(string, kind, mode: mode)
        guard string.bytes.allSatisfy({ isWhitelisted($0) || $0 == backslash }) else {
            throw Refusal(
                "The \(kind.noun) \"\(string.string)\" should be mangled but it contains "
                    + "blacklisted characters.")
        }
        return decoded(string)
    }

    /// `\xNN` replaced by its byte, wherever it stands.
    static func decoded(_ string: ByteString) -> ByteString {
        var result: [UInt8] = []
        var hasChanged = false
        var rest = string.bytes[...]
        while let byte = rest.first {
            guard rest.starts(with: [backslash, x]) else {
                result.append(byte)
                rest.removeFirst()
                continue
            }
            let digits = rest.dropFirst(2).prefix(2).prefix { Digits.value($0) != nil }
            // libdevmapper cuts the string there, if it has changed it before.
            guard !digits.isEmpty else { return hasChanged ? ByteString(result) : string }
            hasChanged = true
            result.append(digits.reduce(0) { $0 << 4 | (Digits.value($1) ?? 0) })
            rest = rest.dropFirst(4)
        }
        return hasChanged ? ByteString(result) : string
    }
}
