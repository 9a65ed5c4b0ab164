import CLinux
import Glibc
import SystemPackage

/// The limits of what stands below: block devices say them, files have those of a loop device.
enum BackingLimits {
    // MARK: Files

    /// What a loop device over a file shows (`loop_configure`, `loop_config_discard`): blocks of 512
    /// bytes whatever the file system's are, requests of up to 1280 KiB, discards as long as 32
    /// bits of bytes allow, in blocks of the file system. It turns if that file system's device does.
    static func ofFile(_ file: FileDescriptor) -> QueueLimits {
        var status = stat()
        var fileSystem = statvfs()
        guard fstat(file.rawValue, &status) == 0, fstatvfs(file.rawValue, &fileSystem) == 0 else {
            return .ofLoop(discardGranularity: 4096)
        }
        var limits = QueueLimits.ofLoop(
            discardGranularity: UInt32(clamping: max(fileSystem.f_bsize, UInt(Sectors.size))))
        let device = DeviceNumber(statDevice: UInt64(status.st_dev))
        limits.isRotational = Sysfs.host.at(device)?.queueNumber("rotational") == 1
        return limits
    }

    // MARK: Block devices

    /// Sizes and alignment by ioctl, the rest from sysfs. Where there is no sysfs, it is thought to
    /// take discards, which it may refuse when they come.
    ///
    /// A discard is a hole here, which promises zeros. So a device that can only discard, without a
    /// way to write zeros that brings none along, takes no discards from us.
    static func ofBlockDevice(_ file: FileDescriptor) -> QueueLimits {
        var topology = clinux_topology()
        var status = stat()
        guard clinux_block_topology(file.rawValue, &topology) == 0 else {
            return .ofLoop(discardGranularity: 512)
        }
        var limits = QueueLimits.ofLoop(discardGranularity: topology.logical_block)
        limits.logicalBlockSize = size(topology.logical_block, least: 512)
        limits.physicalBlockSize = size(
            topology.physical_block, least: limits.logicalBlockSize)
        limits.minimumIO = max(topology.minimum_io, limits.physicalBlockSize)
        limits.optimalIO = topology.optimal_io
        limits.isMisaligned = topology.alignment_offset < 0
        limits.alignmentOffset = UInt32(max(topology.alignment_offset, 0))
        limits.maximumSectors = UInt32(topology.maximum_sectors)
        limits.maximumHardwareSectors = UInt32(topology.maximum_sectors)
        limits.isRotational = topology.is_rotational != 0
        guard fstat(file.rawValue, &status) == 0,
            let device = Sysfs.host.at(DeviceNumber(statDevice: UInt64(status.st_rdev)))
        else { return limits }
        device.fill(&limits)
        return limits
    }

    /// A power of two, not below `least`.
    private static func size(_ bytes: UInt32, least: UInt32) -> UInt32 {
        bytes >= least && bytes.nonzeroBitCount == 1 ? bytes : least
    }
}

extension SysfsDevice {
    /// Fills in what ioctls don't tell.
    fileprivate func fill(_ limits: inout QueueLimits) {
        func sectors(_ name: String, unit: Int64 = 1) -> UInt32? {
            queueNumber(name).map { UInt32(clamping: $0 &* unit / Int64(Sectors.size)) }
        }
        if let count = sectors("max_sectors_kb", unit: 1024) { limits.maximumSectors = count }
        if let count = sectors("max_hw_sectors_kb", unit: 1024) {
            limits.maximumHardwareSectors = count
        }
        if let count = queueNumber("chunk_sectors") {
            limits.chunkSectors = UInt32(clamping: count)
        }
        if let count = sectors("write_zeroes_max_bytes") {
            limits.maximumWriteZeroesSectors = count
        }
        if let count = sectors("discard_max_bytes") { limits.maximumDiscardSectors = count }
        if let count = sectors("discard_max_hw_bytes") {
            limits.maximumHardwareDiscardSectors = count
        }
        if let bytes = queueNumber("discard_granularity") {
            limits.discardGranularity = UInt32(clamping: bytes)
        }
        let alignment = numberOf("discard_alignment") ?? 0
        limits.isDiscardMisaligned = alignment < 0
        limits.discardAlignment = UInt32(clamping: max(alignment, 0))
        if limits.maximumWriteZeroesSectors == 0 || limits.maximumDiscardSectors == 0 {
            limits.forbidDiscards()
        }
    }
}

extension QueueLimits {
    /// What a loop device shows whose blocks are 512 bytes (`loop_config_discard`).
    package static func ofLoop(discardGranularity: UInt32) -> QueueLimits {
        var limits = QueueLimits()
        limits.maximumSectors = loopSectors
        limits.maximumHardwareSectors = loopSectors
        limits.maximumDiscardSectors = .max >> 9
        limits.maximumHardwareDiscardSectors = .max >> 9
        limits.maximumWriteZeroesSectors = .max >> 9
        limits.discardGranularity = discardGranularity
        return limits
    }

    /// `BLK_DEF_MAX_SECTORS`.
    private static let loopSectors: UInt32 = 2560
}
