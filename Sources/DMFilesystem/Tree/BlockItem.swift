import DeviceMapper
import Glibc

/// A file, link or directory in `block/dm-N`: what Linux 6.1 has in /sys/block/dm-N. Left out are
/// `power`, `trace`, `integrity`, and files that are empty or can't be read. Its place in the list is
/// part of its inode number.
struct BlockItem: Sendable {
    enum Content: Sendable {
        case directory
        case link(ByteString)
        /// Made of what is known of the device at that moment, with its newline.
        case text(@Sendable (BlockInfo) -> ByteString)
        case readAhead

        /// S_IFDIR and the like.
        var type: UInt32 {
            switch self {
            case .directory: S_IFDIR
            case .link: S_IFLNK
            case .text, .readAhead: S_IFREG
            }
        }
    }

    /// The place of the directory that it is in.
    let directory: UInt8
    let name: ByteString
    let content: Content

    // MARK: The list

    /// The places of the directories; all but the first are in that one.
    static let device: UInt8 = 0
    private static let queue: UInt8 = 1
    private static let dm: UInt8 = 2
    private static let bdi: UInt8 = 3
    static let slaves: UInt8 = 4
    static let holders: UInt8 = 5

    /// What has a place; nil: nothing.
    static func at(_ place: UInt8) -> BlockItem? {
        Int(place) < list.count ? list[Int(place)] : nil
    }

    private static let list: [BlockItem] =
        [
            BlockItem(directory: device, name: .empty, content: .directory),
            BlockItem(directory: device, name: "queue", content: .directory),
            BlockItem(directory: device, name: "dm", content: .directory),
            BlockItem(directory: device, name: "bdi", content: .directory),
            BlockItem(directory: device, name: "slaves", content: .directory),
            BlockItem(directory: device, name: "holders", content: .directory),
            BlockItem(directory: device, name: "subsystem", content: .link("/sys/class/block")),
            BlockItem(directory: queue, name: "read_ahead_kb", content: .readAhead),
            BlockItem(directory: bdi, name: "read_ahead_kb", content: .readAhead),
        ] + texts(device, ofDevice) + texts(dm, ofMapping) + texts(queue, ofQueue)

    private static func texts(
        _ directory: UInt8, _ list: [(String, @Sendable (BlockInfo) -> ByteString)]
    ) -> [BlockItem] {
        list.map { name, make in
            BlockItem(
                directory: directory, name: ByteString(name),
                content: .text { make($0) + BlockTexts.newline })
        }
    }

    /// What a directory has under a name.
    static func index(of name: ByteString, in directory: UInt8) -> UInt8? {
        indices(in: directory).first { list[Int($0)].name == name }
    }

    /// The places of all that is in a directory, in their order.
    static func indices(in directory: UInt8) -> [UInt8] {
        list.indices.dropFirst().filter { list[$0].directory == directory }.map { UInt8($0) }
    }

    /// How many directories are in one.
    static func directories(in directory: UInt8) -> UInt {
        UInt(indices(in: directory).filter { list[Int($0)].content.type == S_IFDIR }.count)
    }

    // MARK: The texts, without a newline

    private typealias Texts = [(String, @Sendable (BlockInfo) -> ByteString)]

    private static let ofDevice: Texts = [
        ("alignment_offset", { "\($0.limits.shownAlignmentOffset)" }),
        ("capability", { _ in "4" }),
        ("dev", { "\($0.disk.number)" }),
        ("discard_alignment", { "\($0.limits.discardAlignment)" }),
        ("diskseq", { "\($0.disk.generation)" }),
        ("events_poll_msecs", { _ in "-1" }),
        ("ext_range", { _ in "1" }),
        ("hidden", { _ in "0" }),
        ("inflight", { BlockTexts.inFlight($0.counts) }),
        ("range", { _ in "1" }),
        ("removable", { _ in "0" }),
        ("ro", { $0.disk.isReadOnly ? "1" : "0" }),
        ("size", { "\($0.disk.size.count)" }),
        ("stat", { BlockTexts.statistics($0.counts) }),
        ("uevent", { BlockTexts.event($0) }),
    ]

    private static let ofMapping: Texts = [
        ("name", { $0.disk.name }),
        ("rq_based_seq_io_merge_deadline", { _ in "0" }),
        ("suspended", { $0.isSuspended ? "1" : "0" }),
        ("use_blk_mq", { _ in "1" }),
        ("uuid", { $0.uuid }),
    ]

    private static let ofQueue: Texts = [
        ("add_random", { _ in "0" }),
        ("chunk_sectors", { "\($0.limits.chunkSectors)" }),
        ("dax", { _ in "0" }),
        ("discard_granularity", { "\($0.limits.discardGranularity)" }),
        ("discard_max_bytes", { bytes($0.limits.maximumDiscardSectors) }),
        ("discard_max_hw_bytes", { bytes($0.limits.maximumHardwareDiscardSectors) }),
        ("discard_zeroes_data", { _ in "0" }),
        ("dma_alignment", { _ in "511" }),
        ("fua", { _ in "0" }),
        ("hw_sector_size", { "\($0.limits.logicalBlockSize)" }),
        ("io_poll", { _ in "0" }),
        ("io_poll_delay", { _ in "0" }),
        ("iostats", { _ in "0" }),
        ("logical_block_size", { "\($0.limits.logicalBlockSize)" }),
        ("max_discard_segments", { $0.standsOnNothing ? "65535" : "1" }),
        ("max_hw_sectors_kb", { "\($0.limits.maximumHardwareSectors / 2)" }),
        ("max_integrity_segments", { _ in "0" }),
        ("max_sectors_kb", { "\($0.limits.maximumSectors / 2)" }),
        ("max_segment_size", { $0.standsOnNothing ? "4294967295" : "65536" }),
        ("max_segments", { $0.standsOnNothing ? "65535" : "128" }),
        ("minimum_io_size", { "\($0.limits.minimumIO)" }),
        ("nomerges", { _ in "0" }),
        ("nr_requests", { _ in "128" }),
        ("nr_zones", { _ in "0" }),
        ("optimal_io_size", { "\($0.limits.optimalIO)" }),
        ("physical_block_size", { "\($0.limits.physicalBlockSize)" }),
        ("rotational", { $0.limits.isRotational ? "1" : "0" }),
        ("rq_affinity", { _ in "0" }),
        ("scheduler", { _ in "none" }),
        ("stable_writes", { _ in "0" }),
        ("virt_boundary_mask", { _ in "0" }),
        ("write_cache", { $0.standsOnNothing ? "write through" : "write back" }),
        ("write_same_max_bytes", { _ in "0" }),
        ("write_zeroes_max_bytes", { bytes($0.limits.maximumWriteZeroesSectors) }),
        ("zone_append_max_bytes", { _ in "0" }),
        ("zone_write_granularity", { _ in "0" }),
        ("zoned", { _ in "none" }),
    ]

    private static func bytes(_ sectors: UInt32) -> ByteString {
        "\(UInt64(sectors) * Sectors.size)"
    }
}
