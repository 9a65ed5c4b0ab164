import DeviceMapper
import Glibc

/// Who owns everything in the tree.
struct Owner: Hashable, Sendable {
    var user: UInt32
    var group: UInt32
}

/// What `stat` shows of a node.
struct Attributes: Hashable, Sendable {
    let node: NodeNumber
    /// Type and permissions: the kernel checks them (`default_permissions`).
    let mode: UInt32
    let linkCount: UInt
    /// Bytes.
    let size: UInt64
    /// Access, modification and change, in seconds since 1970.
    let time: Int64

    /// A directory. `children`: directories in it.
    init(directory kind: NodeNumber.Kind, children: UInt, time: Int64) {
        node = NodeNumber(kind)
        mode = S_IFDIR | 0o755
        linkCount = 2 + children
        size = 0
        self.time = time
    }

    init(link kind: NodeNumber.Kind, target: ByteString, time: Int64) {
        node = NodeNumber(kind)
        mode = S_IFLNK | 0o777
        linkCount = 1
        size = UInt64(target.count)
        self.time = time
    }

    /// The file of a device: of its exact size, which is zero without a live table.
    init(device disk: DiskInfo) {
        node = NodeNumber(.device(minor: disk.number.minor, generation: disk.generation))
        mode = S_IFREG | (disk.isReadOnly ? 0o400 : 0o600)
        linkCount = 1
        size = disk.size.bytes
        time = disk.creationTime
    }

    /// As libfuse takes them. All blocks count as allocated, so that nobody looks for holes.
    func status(_ owner: Owner) -> stat {
        var status = stat()
        status.st_ino = UInt(node.rawValue)
        status.st_mode = mode
        status.st_nlink = linkCount
        status.st_uid = owner.user
        status.st_gid = owner.group
        status.st_size = Int(clamping: size)
        status.st_blocks = Int(clamping: size / Sectors.size)
        status.st_blksize = 4096
        status.st_atim.tv_sec = Int(time)
        status.st_mtim.tv_sec = Int(time)
        status.st_ctim.tv_sec = Int(time)
        return status
    }
}
