import Glibc

/// Where the kernel says that things are.
enum BackingPaths {
    /// What a symbolic link holds, of any length up to PATH_MAX; nil: none there.
    static func readLink(_ path: String) -> ByteString? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count < 0 ? nil : ByteString(buffer[..<count])
    }
}

/// Nodes of block devices.
enum BlockNodes {
    /// The node of the device with that number, as the kernel names it; nil: it has none.
    static func path(of number: DeviceNumber) -> ByteString? {
        guard let link = BackingPaths.readLink("/sys/dev/block/\(number)"),
            let slash = link.bytes.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        // "!" in sysfs stands for "/" in the name of the node.
        let name = link.bytes[(slash + 1)...].map {
            $0 == UInt8(ascii: "!") ? UInt8(ascii: "/") : $0
        }
        return ByteString(Array("/dev/".utf8) + name)
    }
}
