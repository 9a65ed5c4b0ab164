import Glibc

/// The kernel's names of disks and partitions, without nodes (`devt_from_devname`).
enum DiskName {
    /// What a name without "/dev/" means; nil: nothing. Mapped devices are "dm-N", and have no
    /// partitions.
    static func meaning(_ name: [UInt8], in sysfs: Sysfs) -> DeviceWord.Meaning? {
        // Numbers that stand for no block device, or for the RAM disk.
        switch ByteString(name) {
        case ByteString("nfs"): return .number(DeviceNumber(major: 0, minor: 255))
        case ByteString("cifs"): return .number(DeviceNumber(major: 0, minor: 254))
        case ByteString("ram"): return .number(DeviceNumber(major: 1, minor: 0))
        default: break
        }
        guard !name.isEmpty, name.count <= 31, !name.contains(0) else { return nil }
        if let minor = mappedMinor(name) { return .mapped(minor: minor) }
        let known = name.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "!") : $0 }
        return number(of: known, in: sysfs).map(DeviceWord.Meaning.number)
    }

    private static func mappedMinor(_ name: [UInt8]) -> UInt32? {
        guard name.starts(with: "dm-".utf8) else { return nil }
        var digits = WordScanner(Array(name.dropFirst(3)))
        guard let minor = digits.unsigned(), digits.isAtEnd,
            name.elementsEqual("dm-\(minor)".utf8)
        else { return nil }
        return minor
    }

    /// A disk, or a disk and the number of a partition: "sda1", "loop0p1". The partition of a disk
    /// that numbers them itself need not be there.
    private static func number(of name: [UInt8], in sysfs: Sysfs) -> DeviceNumber? {
        if let disk = sysfs.disk(name) { return disk.number }
        let digits = name.reversed().prefix { (48...57).contains($0) }.count
        let front = name.dropLast(digits)
        var text = WordScanner(Array(name.suffix(digits)))
        guard digits > 0, !front.isEmpty, name[front.count] != UInt8(ascii: "0"),
            let part = text.unsigned()
        else { return nil }
        if let disk = sysfs.disk(Array(front)) { return disk.partition(part) }
        guard front.count >= 2, front.last == UInt8(ascii: "p"),
            (48...57).contains(front[front.count - 2])
        else { return nil }
        return sysfs.disk(Array(front.dropLast()))?.partition(part)
    }
}

/// Partitions by what their table says of them (`devt_from_partuuid`, `devt_from_partlabel`): as
/// sysfs tells it (Linux 6.9 and later tell the uuid), else as udev's links do.
enum Partitions {
    /// UUID[/PARTNROFF=N]: the first partition whose uuid begins so, whatever the case, or the one that
    /// comes N numbers behind it.
    static func withUUID(_ text: [UInt8], in sysfs: Sysfs) -> DeviceNumber? {
        let parts = text.split(
            separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let uuid = parts.first.map({ $0.map(lowercased) }), !uuid.isEmpty else { return nil }
        var offset = 0
        if parts.count > 1 {
            guard let given = partitionOffset(parts[1]) else { return nil }
            offset = given
        }
        let found = sysfs.partitions().first {
            $0.property("PARTUUID")?.bytes.map(lowercased).starts(with: uuid) == true
        }
        guard let partition = found ?? sysfs.linked("by-partuuid", uuid) else { return nil }
        if offset == 0 { return partition.number }
        guard let own = partition.partitionNumber,
            let wanted = UInt32(exactly: Int(own) + offset)
        else { return nil }
        return partition.disk?.partition(wanted)
    }

    static func withLabel(_ label: [UInt8], in sysfs: Sysfs) -> DeviceNumber? {
        guard !label.isEmpty else { return nil }
        return sysfs.partitions().first { $0.property("PARTNAME")?.bytes == label }?.number
    }

    /// "PARTNROFF=N", N signed.
    private static func partitionOffset(_ text: ArraySlice<UInt8>) -> Int? {
        guard text.starts(with: "PARTNROFF=".utf8) else { return nil }
        var digits = text.dropFirst("PARTNROFF=".utf8.count)
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        var scanner = WordScanner(Array(digits))
        guard let value = scanner.unsigned(), scanner.isAtEnd else { return nil }
        return isNegative ? -Int(value) : Int(value)
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
