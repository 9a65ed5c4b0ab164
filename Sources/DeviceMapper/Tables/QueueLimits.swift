/// What requests a block device takes, and which it does best: the part of `struct queue_limits`
/// (linux/blkdev.h) that its users can ask for.
///
/// Counts of sectors are of 512 bytes. All are 32 bits wide, as in the kernel.
package struct QueueLimits: Hashable, Sendable {
    /// The least that is read or written, in bytes: a power of two, 512 at least. Requests past the
    /// page cache, table lines and discards are aligned to it.
    package var logicalBlockSize: UInt32 = 512
    /// The least that is written without reading first, in bytes: `logicalBlockSize` times a power
    /// of two.
    package var physicalBlockSize: UInt32 = 512
    /// The least that is done well, in bytes: a multiple of `physicalBlockSize`.
    package var minimumIO: UInt32 = 512
    /// What is done best, in bytes; 0: nothing is said.
    package var optimalIO: UInt32 = 0
    /// Bytes from the device's beginning to its first physical block or first `minimumIO`.
    package var alignmentOffset: UInt32 = 0
    /// What it stands on can't all be aligned at once.
    package var isMisaligned = false
    /// Sectors that a request doesn't cross a multiple of; 0: it may.
    package var chunkSectors: UInt32 = 0
    /// The longest request, as its user wants it and as the hardware takes it. 0: nothing is said.
    package var maximumSectors = QueueLimits.safeSectors
    package var maximumHardwareSectors = QueueLimits.safeSectors
    /// The longest discard; 0: the device takes none.
    package var maximumDiscardSectors: UInt32 = 0
    package var maximumHardwareDiscardSectors: UInt32 = 0
    /// In bytes: what is discarded at once below, and where the first of these begins.
    package var discardGranularity: UInt32 = 0
    package var discardAlignment: UInt32 = 0
    package var isDiscardMisaligned = false
    /// The longest write of zeros that brings none along; 0: there is no such request.
    package var maximumWriteZeroesSectors: UInt32 = 0
    /// Whether something below it turns.
    package var isRotational = false

    /// Of a device about which nothing is known (`blk_set_default_limits`).
    package init() {}

    /// `BLK_SAFE_MAX_SECTORS`.
    static let safeSectors: UInt32 = 255

    /// What devices are stacked on: each limit is as wide as it can be (`blk_set_stacking_limits`).
    static let stacking: QueueLimits = {
        var limits = QueueLimits()
        limits.maximumSectors = .max
        limits.maximumHardwareSectors = .max
        limits.maximumWriteZeroesSectors = .max
        return limits
    }()

    /// Whether discards are taken.
    package var takesDiscards: Bool { maximumDiscardSectors > 0 }

    /// What `BLKALIGNOFF` and `alignment_offset` give: bytes, or -1 (`bdev_alignment_offset`).
    package var shownAlignmentOffset: Int32 {
        isMisaligned ? -1 : Int32(bitPattern: alignmentOffset)
    }

    /// There are no discards (`dm_table_set_restrictions`).
    mutating func forbidDiscards() {
        maximumDiscardSectors = 0
        maximumHardwareDiscardSectors = 0
        discardGranularity = 0
        discardAlignment = 0
        isDiscardMisaligned = false
    }

    // MARK: Hints of targets

    /// A target takes nothing shorter (`dm-crypt`'s `io_hints`).
    mutating func raiseBlockSize(to bytes: UInt32) {
        logicalBlockSize = max(logicalBlockSize, bytes)
        physicalBlockSize = max(physicalBlockSize, logicalBlockSize)
        minimumIO = max(minimumIO, physicalBlockSize)
    }

    /// A target does requests of so many bytes well (`blk_limits_io_min`).
    mutating func setMinimumIO(_ bytes: UInt32) {
        minimumIO = max(bytes, logicalBlockSize, physicalBlockSize)
    }

    /// A target does requests of so many bytes best (`blk_limits_io_opt`).
    mutating func setOptimalIO(_ bytes: UInt32) { optimalIO = bytes }

    // MARK: Stacking

    /// Takes in what a device below wants, of which sectors from `start` on are used
    /// (`blk_stack_limits`). What can't be had with what is here already makes it misaligned.
    mutating func stack(_ below: QueueLimits, at start: UInt64) {
        maximumSectors = QueueLimits.least(maximumSectors, below.maximumSectors)
        maximumHardwareSectors = QueueLimits.least(
            maximumHardwareSectors, below.maximumHardwareSectors)
        maximumWriteZeroesSectors = min(
            maximumWriteZeroesSectors, below.maximumWriteZeroesSectors)
        isRotational = isRotational || below.isRotational
        isMisaligned = isMisaligned || below.isMisaligned

        let alignment = below.alignment(at: start)
        if alignmentOffset != alignment {
            let ours = UInt64(granularity) + UInt64(alignmentOffset)
            let theirs = UInt64(below.granularity) + UInt64(alignment)
            if !QueueLimits.line(ours, up: theirs) { isMisaligned = true }
        }
        logicalBlockSize = max(logicalBlockSize, below.logicalBlockSize)
        physicalBlockSize = max(physicalBlockSize, below.physicalBlockSize)
        minimumIO = max(minimumIO, below.minimumIO)
        optimalIO = QueueLimits.common(optimalIO, below.optimalIO)
        if below.chunkSectors > 0 {
            chunkSectors = QueueLimits.divisor(chunkSectors, below.chunkSectors)
        }
        makeMultiples()
        alignmentOffset = QueueLimits.common(alignmentOffset, alignment) % granularity
        if alignmentOffset % logicalBlockSize != 0 { isMisaligned = true }
        maximumSectors = rounded(maximumSectors)
        maximumHardwareSectors = rounded(maximumHardwareSectors)
        stackDiscard(below, at: start)
    }

    /// Each size is a multiple of the one before it.
    private mutating func makeMultiples() {
        if physicalBlockSize % logicalBlockSize != 0 {
            physicalBlockSize = logicalBlockSize
            isMisaligned = true
        }
        if minimumIO % physicalBlockSize != 0 {
            minimumIO = physicalBlockSize
            isMisaligned = true
        }
        if optimalIO % physicalBlockSize != 0 {
            optimalIO = 0
            isMisaligned = true
        }
        if chunkSectors &* 512 % physicalBlockSize != 0 {
            chunkSectors = 0
            isMisaligned = true
        }
    }

    private mutating func stackDiscard(_ below: QueueLimits, at start: UInt64) {
        guard below.discardGranularity > 0 else { return }
        let alignment = below.discardAlignment(at: start)
        if discardGranularity != 0 && discardAlignment != alignment {
            let ours = UInt64(discardGranularity) + UInt64(discardAlignment)
            let theirs = UInt64(below.discardGranularity) + UInt64(alignment)
            if !QueueLimits.line(ours, up: theirs) { isDiscardMisaligned = true }
        }
        maximumDiscardSectors = QueueLimits.least(
            maximumDiscardSectors, below.maximumDiscardSectors)
        maximumHardwareDiscardSectors = QueueLimits.least(
            maximumHardwareDiscardSectors, below.maximumHardwareDiscardSectors)
        discardGranularity = max(discardGranularity, below.discardGranularity)
        discardAlignment =
            QueueLimits.common(discardAlignment, alignment) % discardGranularity
    }

    /// Bytes that belong together, for alignment.
    private var granularity: UInt32 { max(physicalBlockSize, minimumIO) }

    /// The alignment offset of a device that begins at a sector of this
    /// (`queue_limit_alignment_offset`).
    private func alignment(at sector: UInt64) -> UInt32 {
        let granularity = UInt64(self.granularity)
        let within = sector % max(granularity / Sectors.size, 1) * Sectors.size
        let offset = granularity + UInt64(alignmentOffset)
        guard offset >= within else { return 0 }
        return UInt32(truncatingIfNeeded: (offset - within) % granularity)
    }

    /// The same for discards (`queue_limit_discard_alignment`).
    private func discardAlignment(at sector: UInt64) -> UInt32 {
        let granularity = UInt64(discardGranularity) / Sectors.size
        guard takesDiscards, granularity > 0 else { return 0 }
        let alignment = UInt64(discardAlignment) / Sectors.size
        let offset = (granularity + alignment - sector % granularity) % granularity
        return UInt32(truncatingIfNeeded: offset * Sectors.size)
    }

    /// Whole logical blocks, one at least (`blk_round_down_sectors`).
    private func rounded(_ sectors: UInt32) -> UInt32 {
        let bytes = UInt64(sectors) * Sectors.size
        let whole = bytes / UInt64(logicalBlockSize) * UInt64(logicalBlockSize)
        return UInt32(truncatingIfNeeded: max(whole, 4096) / Sectors.size)
    }

    private static func line(_ one: UInt64, up other: UInt64) -> Bool {
        max(one, other) % max(min(one, other), 1) == 0
    }

    /// `min_not_zero`.
    private static func least(_ one: UInt32, _ other: UInt32) -> UInt32 {
        one == 0 ? other : other == 0 ? one : min(one, other)
    }

    /// `lcm_not_zero`; what is longer than 32 bits loses its front, as there.
    private static func common(_ one: UInt32, _ other: UInt32) -> UInt32 {
        guard one > 0, other > 0 else { return max(one, other) }
        let quotient = UInt64(one / divisor(one, other))
        let multiple = UInt32(truncatingIfNeeded: quotient &* UInt64(other))
        return multiple > 0 ? multiple : max(one, other)
    }

    /// `gcd`; 0 has every divisor.
    private static func divisor(_ one: UInt32, _ other: UInt32) -> UInt32 {
        var (one, other) = (one, other)
        while other != 0 { (one, other) = (other, one % other) }
        return one
    }
}
