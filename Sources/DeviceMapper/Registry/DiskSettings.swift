import Synchronization

/// What a tool said the geometry of a device is. Zeros: nobody said.
package struct Geometry: Hashable, Sendable {
    package var cylinders: UInt16 = 0
    package var heads: UInt8 = 0
    package var sectors: UInt8 = 0
    /// In sectors, at most the product of the three.
    package var start: UInt32 = 0

    package init(cylinders: UInt16 = 0, heads: UInt8 = 0, sectors: UInt8 = 0, start: UInt32 = 0) {
        self.cylinders = cylinders
        self.heads = heads
        self.sectors = sectors
        self.start = start
    }
}

/// What tools set of a disk, and its table doesn't say. Each field is read and set as a whole. It lies
/// in the disk itself: each write looks at it, and no reference is counted for that.
struct DiskSettings: ~Copyable, Sendable {
    private let writeProtected = Atomic<Bool>(false)
    private let block = Atomic<UInt32>(0)
    private let packed = Atomic<UInt64>(0)
    /// The greatest number: not set.
    private let ahead = Atomic<UInt32>(.max)

    /// BLKROSET: openers can't write, whatever the table says. It stays until it is set back; a new
    /// table changes nothing (`bd_read_only`).
    var isReadOnly: Bool {
        get { writeProtected.load(ordering: .acquiring) }
        nonmutating set { writeProtected.store(newValue, ordering: .releasing) }
    }

    /// BLKBSZSET, in bytes; 0: not set. Forgotten by whoever opens the device when nobody has it open.
    var blockSize: UInt32 {
        get { block.load(ordering: .acquiring) }
        nonmutating set { block.store(newValue, ordering: .releasing) }
    }

    /// BLKRASET, in KiB; nil: not set.
    var readAhead: UInt32? {
        get {
            let kilobytes = ahead.load(ordering: .acquiring)
            return kilobytes == .max ? nil : kilobytes
        }
        nonmutating set { ahead.store(newValue ?? .max, ordering: .releasing) }
    }

    /// DEV_SET_GEOMETRY. A table of another size forgets it (`__bind`).
    var geometry: Geometry {
        get {
            let bits = packed.load(ordering: .acquiring)
            return Geometry(
                cylinders: UInt16(truncatingIfNeeded: bits),
                heads: UInt8(truncatingIfNeeded: bits >> 16),
                sectors: UInt8(truncatingIfNeeded: bits >> 24), start: UInt32(bits >> 32))
        }
        nonmutating set {
            let bits =
                UInt64(newValue.cylinders) | UInt64(newValue.heads) << 16
                | UInt64(newValue.sectors) << 24 | UInt64(newValue.start) << 32
            packed.store(bits, ordering: .releasing)
        }
    }
}

extension DeviceRegistry {
    /// ENXIO.
    package func setGeometry(
        _ reference: DeviceReference, _ geometry: Geometry
    ) throws(DMError) {
        try find(reference, inactive: false).device.disk.settings.geometry = geometry
    }
}

extension DeviceHandle {
    private static let page: UInt32 = 4096

    /// Makes the device read-only to those who open it, or not (BLKROSET).
    package func setReadOnly(_ isReadOnly: Bool) { device.disk.settings.isReadOnly = isReadOnly }

    /// The block size of the device's page cache, in bytes: what was set, or the largest up to a page
    /// that divides the size (`set_init_blocksize`); a logical block at least.
    package var cacheBlockSize: UInt32 {
        let set = device.disk.settings.blockSize
        let bytes = size.bytes
        let divisor =
            bytes == 0
            ? DeviceHandle.page
            : UInt32(min(UInt64(DeviceHandle.page), bytes & (~bytes + 1)))
        return max(set == 0 ? divisor : set, blockSize)
    }

    /// Sets it, until nobody has the device open (`blkdev_bszset`). Nothing is read or written
    /// by it: our cache has pages. EBUSY: another device stands on this one. EINVAL: no power of two
    /// from a logical block to a page.
    package func setCacheBlockSize(_ bytes: UInt32) throws(DMError) {
        guard !registry.isBelowAnother(device) else {
            throw DMError(.resourceBusy, "another device stands on this one")
        }
        guard bytes <= DeviceHandle.page, bytes >= blockSize, bytes & (bytes - 1) == 0 else {
            throw DMError(
                .invalidArgument, "no block size: \(bytes), for blocks of \(blockSize) bytes")
        }
        device.disk.settings.blockSize = bytes
    }

    /// What tools set, as a record of numbers. Eight u32: its size in bytes (32); flags (1 read-only, by
    /// the table or set); block size of the cache; cylinders, heads, sectors and start of the geometry;
    /// 0.
    package var settings: [UInt32] {
        let geometry = device.disk.settings.geometry
        return [
            32, isReadOnly ? 1 : 0, cacheBlockSize, UInt32(geometry.cylinders),
            UInt32(geometry.heads), UInt32(geometry.sectors), geometry.start, 0,
        ]
    }
}
