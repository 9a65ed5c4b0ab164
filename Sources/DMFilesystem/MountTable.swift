package import DeviceMapper
import SystemPackage

/// One line of /proc/self/mountinfo.
package struct MountEntry: Hashable, Sendable {
    package let number: DeviceNumber
    package let directory: ByteString
    /// "fuse.dmfuse" for ours.
    package let fileSystemType: ByteString
    /// Who mounted it, by the option `user_id` of FUSE; nil: no such option.
    package let userID: UInt32?

    package var isOurs: Bool { fileSystemType == MountTable.fileSystemType }
}

/// What is mounted where, as this process sees it.
package enum MountTable {
    static let fileSystemType = ByteString("fuse.dmfuse")

    /// In the order of mounting: of two at one directory the later covers the earlier.
    package static func read() throws(DMError) -> [MountEntry] { parse(try contents()) }

    /// See proc(5): `36 35 0:45 /root /directory options [optional...] - type source super-options`.
    /// A line that reads otherwise is left out.
    static func parse(_ text: [UInt8]) -> [MountEntry] {
        text.split(separator: UInt8(ascii: "\n")).compactMap(entry)
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> MountEntry? {
        let words = line.split(separator: UInt8(ascii: " "))
        guard words.count >= 10,
            let dash = words[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
            words.count > dash + 3
        else { return nil }
        let number: [UInt32] = words[2].split(separator: UInt8(ascii: ":")).compactMap {
            Digits.number($0)
        }
        guard number.count == 2 else { return nil }
        let options = words[dash + 3].split(separator: UInt8(ascii: ","))
        let userOption = options.first { $0.starts(with: "user_id=".utf8) }
        let userID: UInt32? = userOption.flatMap { option in
            Digits.number(option.dropFirst("user_id=".utf8.count))
        }
        return MountEntry(
            number: DeviceNumber(major: number[0], minor: number[1]),
            directory: unescaped(words[4]),
            fileSystemType: unescaped(words[dash + 1]),
            userID: userID)
    }

    /// The kernel writes space, tab, newline and backslash as three octal digits: `\040`.
    private static func unescaped(_ word: ArraySlice<UInt8>) -> ByteString {
        var bytes: [UInt8] = []
        var rest = word
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value: UInt8 = Digits.number(digits, radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return ByteString(bytes)
    }

    private static func contents() throws(DMError) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(
                "/proc/self/mountinfo", .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            var text: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { return text }
                text += piece[..<count]
            }
        } catch {
            throw DMError(error as? Errno ?? .ioError, "/proc/self/mountinfo")
        }
    }
}
