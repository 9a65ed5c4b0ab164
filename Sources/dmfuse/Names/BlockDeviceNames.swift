import DeviceMapper

/// The kernel's short names of block devices: "loop0", "dm-3".
///
/// Our mapped devices have the name of their file under the mount. What has no name at all, such as
/// a backing file's number, is nil.
struct BlockDeviceNames {
    let mappedMajor: UInt32
    /// Where the link of a block device in /sys leads, nil if there is none.
    var sysfsLink: (_ number: DeviceNumber) -> ByteString? = { SystemCalls.sysfsLink(of: $0) }

    func isMapped(_ number: DeviceNumber) -> Bool { number.major == mappedMajor }

    func kernelName(of number: DeviceNumber) -> ByteString? {
        if isMapped(number) { return ByteString("dm-\(number.minor)") }
        return sysfsLink(number)?.lastComponent
    }
}
