/// The limits as a record of numbers: what a client of the daemon is given, by the control socket or
/// by an ioctl of a device's file.
///
/// Sixteen u32: the size of the record in bytes (64); logical block size, physical block size,
/// minimum I/O, optimal I/O; alignment offset (s32, -1: misaligned); longest request and longest of
/// the hardware, in sectors; discard granularity, discard alignment; longest discard and longest of
/// the hardware, longest write of zeros, chunk, in sectors; flags (1 misaligned, 2 misaligned for
/// discards, 4 rotational); 0. What is added later comes behind, and the size says so.
extension QueueLimits {
    /// In bytes.
    package static let recordSize = 64

    private enum Flag {
        static let misaligned: UInt32 = 1
        static let discardMisaligned: UInt32 = 2
        static let rotational: UInt32 = 4
    }

    package var record: [UInt32] {
        [
            UInt32(QueueLimits.recordSize), logicalBlockSize, physicalBlockSize, minimumIO,
            optimalIO, UInt32(bitPattern: shownAlignmentOffset), maximumSectors,
            maximumHardwareSectors, discardGranularity, discardAlignment, maximumDiscardSectors,
            maximumHardwareDiscardSectors, maximumWriteZeroesSectors, chunkSectors,
            (isMisaligned ? Flag.misaligned : 0)
                | (isDiscardMisaligned ? Flag.discardMisaligned : 0)
                | (isRotational ? Flag.rotational : 0), 0,
        ]
    }

    /// Nil: too short a record. The alignment offset of what is misaligned is lost.
    package init?(record: [UInt32]) {
        guard record.count >= QueueLimits.recordSize / 4, record[0] >= QueueLimits.recordSize else {
            return nil
        }
        logicalBlockSize = record[1]
        physicalBlockSize = record[2]
        minimumIO = record[3]
        optimalIO = record[4]
        maximumSectors = record[6]
        maximumHardwareSectors = record[7]
        discardGranularity = record[8]
        discardAlignment = record[9]
        maximumDiscardSectors = record[10]
        maximumHardwareDiscardSectors = record[11]
        maximumWriteZeroesSectors = record[12]
        chunkSectors = record[13]
        isMisaligned = record[14] & Flag.misaligned != 0
        isDiscardMisaligned = record[14] & Flag.discardMisaligned != 0
        isRotational = record[14] & Flag.rotational != 0
        alignmentOffset = isMisaligned ? 0 : record[5]
    }
}
