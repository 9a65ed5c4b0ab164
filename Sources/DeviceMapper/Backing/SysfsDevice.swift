import Glibc

/// The block devices that sysfs knows, and udev's links to them.
struct Sysfs: Sendable {
    static let host = Sysfs(root: "/sys", links: "/dev/disk")

    let root: String
    /// Where by-partuuid is.
    let links: String

    /// A disk, by its name in sysfs, where "!" stands for "/". Nil: there is none.
    func disk(_ name: [UInt8]) -> SysfsDevice? { device(in: "/block/", name) }

    /// A disk or partition.
    func named(_ name: [UInt8]) -> SysfsDevice? { device(in: "/class/block/", name) }

    func at(_ number: DeviceNumber) -> SysfsDevice? {
        SysfsDevice(ByteString("\(root)/dev/block/\(number)"))
    }

    private func device(in directory: String, _ name: [UInt8]) -> SysfsDevice? {
        let own: [[UInt8]] = [[], Array(".".utf8), Array("..".utf8)]
        guard !own.contains(name), !name.contains(UInt8(ascii: "/")), !name.contains(0) else {
            return nil
        }
        return SysfsDevice(ByteString(Array("\(root)\(directory)".utf8) + name))
    }

    /// All partitions, in the order of their numbers.
    func partitions() -> [SysfsDevice] {
        DirectoryNames.read("\(root)/class/block").compactMap { named($0.bytes) }
            .filter { $0.partitionNumber != nil }
            .sorted { $0.number < $1.number }
    }

    /// The partition that a link of udev's leads to.
    func linked(_ directory: String, _ name: [UInt8]) -> SysfsDevice? {
        guard !name.contains(UInt8(ascii: "/")), !name.contains(0),
            let target = BackingPaths.readLink(
                ByteString(Array("\(links)/\(directory)/".utf8) + name)),
            let slash = target.bytes.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        return named(Array(target.bytes[(slash + 1)...]))
    }
}

/// A disk or partition, by its directory in sysfs.
struct SysfsDevice {
    private let path: ByteString
    let number: DeviceNumber

    fileprivate init?(_ path: ByteString) {
        guard let text = SysfsDevice.read(path, "dev") else { return nil }
        var words = WordScanner(text.bytes)
        guard let major = words.unsigned(), words.take(":"), let minor = words.unsigned() else {
            return nil
        }
        self.path = path
        number = DeviceNumber(major: major, minor: minor)
    }

    // MARK: Partitions

    /// Nil: it is a disk.
    var partitionNumber: UInt32? {
        guard let text = SysfsDevice.read(path, "partition") else { return nil }
        var digits = WordScanner(text.bytes)
        return digits.unsigned()
    }

    /// The disk of a partition.
    var disk: SysfsDevice? { SysfsDevice(ByteString(path.bytes + Array("/..".utf8))) }

    /// The number of a disk's partition: one of the minors that the disk has for itself, be there such
    /// a partition or not, else that of the one that is there (`blk_lookup_devt`).
    func partition(_ part: UInt32) -> DeviceNumber? {
        if let minors = numberOf("range"), Int64(part) < minors {
            return DeviceNumber(major: number.major, minor: number.minor + part)
        }
        guard part > 0 else { return number }
        guard let name = property("DEVNAME") else { return nil }
        let disk = name.bytes.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "!") : $0 }
        let separator = disk.last.map { (48...57).contains($0) } == true ? "p" : ""
        return SysfsDevice(
            ByteString(path.bytes + [UInt8(ascii: "/")] + disk + Array("\(separator)\(part)".utf8))
        )?.number
    }

    // MARK: Files

    /// The value of a line of `uevent`.
    func property(_ name: String) -> ByteString? {
        guard let text = SysfsDevice.read(path, "uevent") else { return nil }
        let front = Array("\(name)=".utf8)
        return text.bytes.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: front) }
            .map { ByteString(Array($0.dropFirst(front.count))) }
    }

    /// A file that holds one number; nil: it isn't there.
    func numberOf(_ file: String) -> Int64? {
        SysfsDevice.read(path, file).flatMap {
            Int64(String(decoding: $0.bytes, as: UTF8.self))
        }
    }

    /// The limits of its queue: a partition's is that of its disk.
    func queueNumber(_ file: String) -> Int64? {
        numberOf("queue/\(file)") ?? numberOf("../queue/\(file)")
    }

    /// What a file holds, up to a page, without the newline at its end.
    private static func read(_ path: ByteString, _ file: String) -> ByteString? {
        let whole = ByteString(path.bytes + Array("/\(file)".utf8))
        let descriptor = whole.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 4096)
        let capacity = text.count
        let count = Glibc.read(descriptor, &text, capacity)
        guard count > 0 else { return nil }
        if text[count - 1] == UInt8(ascii: "\n") { return ByteString(Array(text[..<(count - 1)])) }
        return ByteString(Array(text[..<count]))
    }
}
