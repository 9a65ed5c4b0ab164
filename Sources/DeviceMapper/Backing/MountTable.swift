import SystemPackage

/// One line of /proc/self/mountinfo.
package struct MountEntry: Hashable, Sendable {
    /// Of the mount. A later mount may get that of one that is gone.
    package let id: UInt32
    /// The mount that this one is mounted on.
    package let parent: UInt32
    /// The `st_dev` of the file system.
    package let number: DeviceNumber
    package let directory: ByteString
    /// "ext4", "fuse.dmfuse".
    package let fileSystemType: ByteString
    /// What it was mounted from, in the words of whoever did: a path, or any other word.
    package let source: ByteString
    /// Of the file system.
    package let options: [ByteString]

    package init(
        id: UInt32, parent: UInt32, number: DeviceNumber, directory: ByteString,
        fileSystemType: ByteString, source: ByteString, options: [ByteString]
    ) {
        self.id = id
        self.parent = parent
        self.number = number
        self.directory = directory
        self.fileSystemType = fileSystemType
        self.source = source
        self.options = options
    }
}

/// What is mounted where, as this process sees it.
package enum MountTable {
    /// In the order of mounting: of two at one directory the later covers the earlier.
    package static func read() throws(DMError) -> [MountEntry] { parse(try contents()) }

    /// See proc(5): `36 35 0:45 /root /directory options [optional...] - type source super-options`.
    /// A line that reads otherwise is left out. The source may be empty: `mount -t tmpfs "" DIR`.
    static func parse(_ text: [UInt8]) -> [MountEntry] {
        text.split(separator: UInt8(ascii: "\n")).compactMap(entry)
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> MountEntry? {
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count >= 10,
            let dash = words[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
            words.count > dash + 3
        else { return nil }
        let number: [UInt32] = words[2].split(separator: UInt8(ascii: ":")).compactMap {
            Digits.number($0)
        }
        guard number.count == 2 else { return nil }
        guard let id: UInt32 = Digits.number(words[0]),
            let parent: UInt32 = Digits.number(words[1])
        else { return nil }
        return MountEntry(
            id: id, parent: parent,
            number: DeviceNumber(major: number[0], minor: number[1]),
            directory: unescaped(words[4]),
            fileSystemType: unescaped(words[dash + 1]),
            source: unescaped(words[dash + 2]),
            options: words[dash + 3].split(separator: UInt8(ascii: ",")).map(unescaped))
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
