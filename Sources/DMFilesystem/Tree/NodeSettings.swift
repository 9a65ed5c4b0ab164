import CFuse
import DeviceMapper
import Glibc

/// What chmod, chown and utimensat made of a device's file. Whoever does that is asked for his right
/// to it by the kernel.
struct NodeSettings: Sendable {
    /// Permissions.
    var mode: UInt32?
    var owner: Owner?
    /// Nanoseconds since 1970.
    var access: Int64?
    /// The same, and when it was set: a later write counts more.
    var modification: (time: Int64, setAt: Int64)?
    /// When any of it was set last.
    var time: Int64 = 0

    /// Takes what a SETATTR brings, now. `current`: what was shown before.
    mutating func apply(_ status: stat, _ wanted: Int32, over current: Owner, now: Int64) {
        if wanted & FUSE_SET_ATTR_MODE != 0 { mode = status.st_mode & 0o7777 }
        if wanted & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) != 0 {
            var new = owner ?? current
            if wanted & FUSE_SET_ATTR_UID != 0 { new.user = status.st_uid }
            if wanted & FUSE_SET_ATTR_GID != 0 { new.group = status.st_gid }
            owner = new
            // The kernel leaves it to us (FUSE_HANDLE_KILLPRIV).
            mode = mode.map { $0 & ~(S_ISUID | S_ISGID) }
        }
        if wanted & FUSE_SET_ATTR_ATIME_NOW != 0 {
            access = now
        } else if wanted & FUSE_SET_ATTR_ATIME != 0 {
            access = status.st_atim.nanoseconds
        }
        if wanted & FUSE_SET_ATTR_MTIME_NOW != 0 {
            modification = (now, now)
        } else if wanted & FUSE_SET_ATTR_MTIME != 0 {
            modification = (status.st_mtim.nanoseconds, now)
        }
        time = now
    }
}

/// The settings of all devices' files that have any.
final class NodeSettingsTable: Sendable {
    private let lock = Lock(rank: .leaf, name: "NodeSettingsTable.lock")
    /// Both guarded by `lock`. The count at which those of removed devices are looked for.
    nonisolated(unsafe) private var settings: [NodeNumber: NodeSettings] = [:]
    nonisolated(unsafe) private var limit = 64

    func settings(of node: NodeNumber) -> NodeSettings? { lock.withLock { settings[node] } }

    /// `isThere`: whether a node's device still exists; asked with no lock held.
    func change(
        _ node: NodeNumber, isThere: (NodeNumber) -> Bool, _ body: (inout NodeSettings) -> Void
    ) {
        let all = lock.withLock { () -> [NodeNumber] in
            body(&settings[node, default: NodeSettings()])
            return settings.count > limit ? Array(settings.keys) : []
        }
        guard !all.isEmpty else { return }
        let gone = all.filter { !isThere($0) }
        lock.withLock {
            for node in gone { settings[node] = nil }
            limit = max(64, 2 * settings.count)
        }
    }
}
