import DeviceMapper

/// The mounts of dmfuse, as /proc/self/mountinfo lists them.
struct MountTable {
    struct Entry: Equatable {
        /// Of the mounted file system.
        let device: ByteString
        let mountPoint: ByteString
        /// Who mounted it.
        let user: UInt32?
    }

    static let fileSystemType = ByteString("fuse.dmfuse")

    let entries: [Entry]

    /// `mountinfo` as in proc(5); lines that aren't of that form, and other file systems, are
    /// skipped.
    init(mountinfo: [UInt8]) {
        entries = mountinfo.split(separator: UInt8(ascii: "\n")).compactMap(Self.entry)
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
        let fields = line.split(separator: UInt8(ascii: " "))
        // Six fields, then optional ones up to a dash, then type, source and options.
        guard let dash = fields.firstIndex(of: [UInt8(ascii: "-")]), dash >= 6,
            fields.count > dash + 3, ByteString(fields[dash + 1]) == fileSystemType
        else { return nil }
        let options = fields[dash + 3].split(separator: UInt8(ascii: ","))
        let user = options.lazy.compactMap { option -> UInt32? in
            let word = String(decoding: option, as: UTF8.self)
            return word.hasPrefix("user_id=") ? UInt32(word.dropFirst("user_id=".count)) : nil
        }.first
        return Entry(
            device: ByteString(fields[2]), mountPoint: ByteString(unescaped(fields[4])), user: user)
    }

    /// Blank, tab, newline and backslash stand there as three octal digits behind a backslash.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                digits.allSatisfy({ (0x30...0x37).contains($0) })
            {
                let value = digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }
                result.append(UInt8(truncatingIfNeeded: value))
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// Where a user's file systems are mounted: each once, at the place that was mounted first.
    func mountPoints(of user: UInt32) -> [ByteString] {
        var seen: Set<ByteString> = []
        return entries.filter { $0.user == user && seen.insert($0.device).inserted }
            .map(\.mountPoint)
    }

    func contains(mountPoint: ByteString) -> Bool {
        entries.contains { $0.mountPoint == mountPoint }
    }
}
