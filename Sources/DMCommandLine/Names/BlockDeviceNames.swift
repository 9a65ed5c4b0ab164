import DeviceMapper

/// The kernel's short names of block devices: "loop0", "dm-3".
///
/// Our mapped devices have the name of their file under the mount. What has no name at all, such as
/// a backing file's number, is nil.
struct BlockDeviceNames {
    let mappedMajor: UInt32
    /// What the kernel calls a block device, nil if there is none.
    var hostName: (_ number: DeviceNumber) -> ByteString? = { BlockNodes.name(of: $0) }

    func isMapped(_ number: DeviceNumber) -> Bool { number.major == mappedMajor }

    func kernelName(of number: DeviceNumber) -> ByteString? {
        if isMapped(number) { return ByteString("dm-\(number.minor)") }
        return hostName(number)
    }
}
