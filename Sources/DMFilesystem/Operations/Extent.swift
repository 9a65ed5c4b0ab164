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

    /// A range to discard or to zero (`blkdev_fallocate`). With FALLOC_FL_KEEP_SIZE it is cut short
    /// at the end; what begins there, or isn't whole blocks of the device (in bytes), is EINVAL.
    /// Then what the device doesn't take is EOPNOTSUPP, and at last a read-only one EPERM.
    static func toChange(
        offset: Int, length: Int, keepsSize: Bool, of size: Sectors, readOnly: Bool,
        blockSize: UInt32, isTaken: Bool
    ) -> Result<Extent, Errno> {
        guard let offset = UInt64(exactly: offset), let length = UInt64(exactly: length),
            length > 0, offset < size.bytes, keepsSize || length <= size.bytes - offset
        else { return .failure(.invalidArgument) }
        let extent = Extent(offset, Int(length), until: size.bytes)
        guard extent.isAligned(to: blockSize) else { return .failure(.invalidArgument) }
        guard isTaken else { return .failure(.notSupported) }
        return readOnly ? .failure(.notPermitted) : .success(extent)
    }

    /// Whether it is whole logical blocks of that size in bytes, a power of two, as I/O past the page
    /// cache is on a block device; else EINVAL.
    func isAligned(to blockSize: UInt32) -> Bool {
        (offset | UInt64(length)) & UInt64(blockSize &- 1) == 0
    }

    private init(_ offset: UInt64, _ length: Int, until end: UInt64) {
        self.offset = offset
        self.length = offset < end ? Int(min(UInt64(max(length, 0)), end - offset)) : 0
    }
}
