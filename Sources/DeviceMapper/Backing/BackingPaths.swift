import Glibc

/// Where the kernel says that things are.
package enum BackingPaths {
    /// What a symbolic link holds, of any length up to PATH_MAX; nil: none there.
    package static func readLink(_ path: ByteString) -> ByteString? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let capacity = buffer.count
        let count = path.withCString { readlink($0, &buffer, capacity) }
        return count < 0 ? nil : ByteString(buffer[..<count].map { UInt8(bitPattern: $0) })
    }
}

/// Nodes of block devices.
package enum BlockNodes {
    /// What the kernel calls the device with that number: "loop0"; nil: there is none.
    package static func name(of number: DeviceNumber) -> ByteString? {
        guard let link = BackingPaths.readLink(ByteString("/sys/dev/block/\(number)")),
            let slash = link.bytes.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        return ByteString(link.bytes[(slash + 1)...])
    }

    /// The number of the device that the kernel calls so; nil: there is none.
    package static func number(of name: ByteString) -> DeviceNumber? {
        Sysfs.host.named(name.bytes)?.number
    }

    /// The node of the device with that number, as the kernel names it; nil: it has none.
    static func path(of number: DeviceNumber) -> ByteString? {
        guard let name = name(of: number) else { return nil }
        // "!" in sysfs stands for "/" in the name of the node.
        let node = name.bytes.map { $0 == UInt8(ascii: "!") ? UInt8(ascii: "/") : $0 }
        return ByteString(Array("/dev/".utf8) + node)
    }
}
