import DeviceMapper
import SystemPackage

/// The part of a request that lies within a device, by the rules of Linux's block devices
/// (`blkdev_read_iter`, `blkdev_write_iter`).
struct Extent: Hashable, Sendable {
    /// Bytes.
    let offset: UInt64
    let length: Int

    /// Reads stop at the end: at or after it there are 0 bytes. EINVAL: a negative offset.
    static func toRead(
        offset: Int, length: Int, of size: Sectors
    ) -> Result<Extent, Errno> {
        guard let offset = UInt64(exactly: offset) else { return .failure(.invalidArgument) }
        return .success(Extent(offset, length, until: size.bytes))
    }

    /// Writes are cut short at the end; at or after it they are ENOSPC. A read-only device is EPERM
    /// first of all. EINVAL: a negative offset.
    static func toWrite(
        offset: Int, length: Int, of size: Sectors, readOnly: Bool
    ) -> Result<Extent, Errno> {
        if readOnly { return .failure(.notPermitted) }
        guard let offset = UInt64(exactly: offset) else { return .failure(.invalidArgument) }
        let extent = Extent(offset, length, until: size.bytes)
        if extent.length == 0 && length > 0 { return .failure(.noSpace) }
        return .success(extent)
    }

    private init(_ offset: UInt64, _ length: Int, until end: UInt64) {
        self.offset = offset
        self.length = offset < end ? Int(min(UInt64(max(length, 0)), end - offset)) : 0
    }
}
