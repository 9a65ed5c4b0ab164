import DeviceMapper
import Glibc

/// Who owns everything in the tree.
struct Owner: Hashable, Sendable {
    var user: UInt32
    var group: UInt32
}

/// What `stat` shows of a node.
struct Attributes: Hashable, Sendable {
    /// Nanoseconds since 1970.
    struct Times: Hashable, Sendable {
        var access: Int64
        var modification: Int64
        var change: Int64

        init(all time: Int64) {
            access = time
            modification = time
            change = time
        }
    }

    let node: NodeNumber
    /// Type and permissions: the kernel checks them (`default_permissions`).
    let mode: UInt32
    let linkCount: UInt
    /// Bytes.
    let size: UInt64
    let times: Times
    /// Nil: the owner of the tree.
    var owner: Owner?

    /// A directory. `children`: directories in it; nil: they weren't counted, which a link count of 1
    /// says.
    init(directory kind: NodeNumber.Kind, children: UInt?, time: Int64) {
        node = NodeNumber(kind)
        mode = S_IFDIR | 0o755
        linkCount = children.map { 2 + $0 } ?? 1
        size = 0
        times = Times(all: time)
    }

    init(link kind: NodeNumber.Kind, target: ByteString, time: Int64) {
        node = NodeNumber(kind)
        mode = S_IFLNK | 0o777
        linkCount = 1
        size = UInt64(target.count)
        times = Times(all: time)
    }

    /// A link that a user made, which leads to `target`, or a directory with so many directories in it.
    init(
        user kind: NodeNumber.Kind, target: ByteString?, directories: UInt, mode: UInt32,
        owner: Owner?, times: Times
    ) {
        node = NodeNumber(kind)
        self.mode = target == nil ? S_IFDIR | mode : S_IFLNK | 0o777
        linkCount = target == nil ? 2 + directories : 1
        size = UInt64(target?.count ?? 0)
        self.times = times
        self.owner = owner
    }

    /// A text that is made when it is read: a page long, as sysfs has them all.
    init(text kind: NodeNumber.Kind, isWritable: Bool, time: Int64) {
        node = NodeNumber(kind)
        mode = S_IFREG | (isWritable ? 0o644 : 0o444)
        linkCount = 1
        size = 4096
        times = Times(all: time)
    }

    /// The file of a device: of its exact size, which is zero without a live table; nobody may write
    /// a read-only one. Reading changes no time, as with noatime: most reads don't come this far.
    init(device disk: DiskInfo, _ settings: NodeSettings? = nil) {
        node = NodeNumber(.device(minor: disk.number.minor, generation: disk.generation))
        mode = S_IFREG | ((settings?.mode ?? 0o600) & ~(disk.isReadOnly ? 0o222 : 0))
        linkCount = 1
        size = disk.size.bytes
        var times = Times(all: max(disk.creationTime, disk.changeTime))
        times.access = disk.creationTime
        if let settings {
            times.access = settings.access ?? times.access
            times.change = max(times.change, settings.time)
            if let (modification, setAt) = settings.modification, setAt >= disk.changeTime {
                times.modification = modification
            }
        }
        self.times = times
        owner = settings?.owner
    }

    /// As libfuse takes them. All blocks count as allocated, so that nobody looks for holes.
    func status(_ treeOwner: Owner) -> stat {
        let owner = owner ?? treeOwner
        var status = stat()
        status.st_ino = UInt(node.rawValue)
        status.st_mode = mode
        status.st_nlink = linkCount
        status.st_uid = owner.user
        status.st_gid = owner.group
        status.st_size = Int(clamping: size)
        status.st_blocks = Int(clamping: size / Sectors.size)
        status.st_blksize = 4096
        status.st_atim = timespec(nanoseconds: times.access)
        status.st_mtim = timespec(nanoseconds: times.modification)
        status.st_ctim = timespec(nanoseconds: times.change)
        return status
    }
}

extension timespec {
    /// Since 1970, or before where it is negative.
    init(nanoseconds: Int64) {
        var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        self.init(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    /// What 64 bits hold of it.
    var nanoseconds: Int64 {
        let (whole, isTooFar) = Int64(tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        if isTooFar { return tv_sec < 0 ? .min : .max }
        let (sum, overflow) = whole.addingReportingOverflow(Int64(tv_nsec))
        return overflow ? .max : sum
    }
}
