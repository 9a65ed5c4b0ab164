import CFuse
package import DeviceMapper
import Glibc
import SystemPackage

extension MountEntry {
    static let ourType = ByteString("fuse.dmfuse")

    package var isOurs: Bool { fileSystemType == MountEntry.ourType }

    /// Who mounted it, by the option `user_id` of FUSE; nil: no such option.
    package var userID: UInt32? {
        let word: ByteString = "user_id="
        let option = options.first { $0.hasPrefix(word) }
        return option.flatMap { Digits.number($0.bytes.dropFirst(word.count)) }
    }

    /// What to do about one whose daemon doesn't answer.
    package var wayOut: String {
        "its daemon doesn't answer: let it go on, or end the mount by 'umount -f "
            + "\(directory.string)' (root) or 'echo 1 >/sys/fs/fuse/connections/"
            + "\(number.minor)/abort'"
    }

    /// What to do about one that is closed to us. The kernel tells others, root too, nothing of it.
    var foreignWayOut: String {
        let owner = userID.map { "user \($0)" } ?? "another user"
        return
            "a dmfuse mount of \(owner) is there, and nobody else can see whether its daemon lives: "
            + "'umount \(directory.string)' (root) or 'dmfuse unmount \(directory.string)' "
            + "(\(owner)) takes it away"
    }
}

/// Mounts of daemons that are gone.
package enum DeadMount {
    /// How long a daemon may take to show that it is there.
    static let patience: UInt32 = 5000

    /// Opens a directory to mount at. Dead dmfuse mounts there are removed first, also several on top
    /// of each other. EBUSY: the newest is alive, or doesn't answer.
    static func clear(_ path: ByteString) throws(DMError) -> HeldDirectory {
        var last: UInt32?
        while true {
            let directory = try HeldDirectory(path)
            guard let found = try mount(at: directory) else { return directory }
            switch liveness(of: directory) {
            case .alive:
                throw DMError(
                    .resourceBusy, "\(directory.path.string): a dmfuse daemon serves it already")
            case .foreign: throw DMError(.resourceBusy, found.foreignWayOut)
            case .silent: throw DMError(.resourceBusy, found.wayOut)
            case .dead: break
            }
            guard last != found.id else {
                throw DMError(.resourceBusy, "a dead mount can't be removed")
            }
            last = found.id
            try remove(directory)
        }
    }

    /// Removes the dmfuse mount at a directory if its daemon is gone. False: there is no such mount.
    package static func remove(at path: ByteString) throws(DMError) -> Bool {
        let directory = try HeldDirectory(path)
        guard try mount(at: directory) != nil, liveness(of: directory) == .dead else {
            return false
        }
        try remove(directory)
        return true
    }

    private static func remove(_ directory: HeldDirectory) throws(DMError) {
        guard let place = directory.ownPlace else { return }
        try directory.unmount(place, path: directory.path, detach: true)
    }

    /// The dmfuse mount whose root a directory is.
    private static func mount(at directory: HeldDirectory) throws(DMError) -> MountEntry? {
        guard let place = directory.ownPlace else { return nil }
        return try MountTable.read().last { entry in
            entry.isOurs && entry.directory == directory.path
                && (place.mount == 0 || place.mount == UInt64(entry.id))
        }
    }

    private static func liveness(of directory: HeldDirectory) -> Liveness {
        let path = ByteString("/proc/self/fd/\(directory.descriptor)")
        return Liveness.look(at: [path], milliseconds: patience)[0]
    }
}
