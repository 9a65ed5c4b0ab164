/// Words of table lines that name a device without being a path, as the kernel reads them
/// (`dm_get_device`, and `name_to_dev_t` of init/do_mounts.c, for what can't be looked up as a path).
enum DeviceWord {
    /// "MAJOR:MINOR" with nothing behind (`sscanf("%u:%u%c") == 2`). Nil: it isn't that. EOVERFLOW:
    /// no device can have that number.
    static func number(_ word: ByteString) throws(DMError) -> DeviceNumber? {
        var text = WordScanner(word.bytes)
        guard let major = text.unsigned(), text.take(":"), let minor = text.unsigned(),
            text.isAtEnd
        else { return nil }
        guard let number = device(major, minor) else { throw DMError(.overflow) }
        return number
    }

    /// What stands for a number otherwise: "MAJOR:MINOR:OFFSET", hexadecimal digits (`new_encode_dev`:
    /// 701 is 7:1), the name of a disk or a partition with /dev/ in front, whether or not there is such
    /// a node, and PARTUUID= or PARTLABEL=. Nil: nothing, which is ENODEV. Reads sysfs.
    static func other(_ word: ByteString, in sysfs: Sysfs = .host) -> Meaning? {
        let prefixes: [(String, ([UInt8]) -> Meaning?)] = [
            ("PARTUUID=", { Partitions.withUUID($0, in: sysfs).map(Meaning.number) }),
            ("PARTLABEL=", { Partitions.withLabel($0, in: sysfs).map(Meaning.number) }),
            ("/dev/", { DiskName.meaning($0, in: sysfs) }),
        ]
        for (prefix, meaning) in prefixes where word.hasPrefix(ByteString(prefix)) {
            return meaning(Array(word.bytes.dropFirst(prefix.utf8.count)))
        }
        return (offsetNumber(word) ?? hexadecimal(word)).map(Meaning.number)
    }

    enum Meaning: Hashable {
        case number(DeviceNumber)
        /// dm-N.
        case mapped(minor: UInt32)
    }

    /// `sscanf("%u:%u:%u:%c") == 3`: what stands behind the offset is not looked at, but a colon with
    /// something behind it.
    private static func offsetNumber(_ word: ByteString) -> DeviceNumber? {
        var text = WordScanner(word.bytes)
        guard let major = text.unsigned(), text.take(":"), let minor = text.unsigned(),
            text.take(":"), text.unsigned() != nil
        else { return nil }
        if text.take(":") && !text.isAtEnd { return nil }
        return device(major, minor)
    }

    /// `simple_strtoul(word, 16)` and nothing behind, then `new_decode_dev`.
    private static func hexadecimal(_ word: ByteString) -> DeviceNumber? {
        var text = WordScanner(word.bytes)
        guard let value = text.hexadecimal(), text.isAtEnd, value != 0 else { return nil }
        return DeviceNumber(encoded: UInt64(UInt32(truncatingIfNeeded: value)))
    }

    /// Nil: `MKDEV` can't hold it.
    private static func device(_ major: UInt32, _ minor: UInt32) -> DeviceNumber? {
        guard major < 1 << 12, minor < 1 << 20 else { return nil }
        return DeviceNumber(major: major, minor: minor)
    }
}
