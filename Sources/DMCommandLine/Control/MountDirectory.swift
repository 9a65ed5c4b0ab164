import DMFilesystem
import DeviceMapper
import SystemPackage

/// The directory of a mount, and what the caller takes for /dev.
struct MountDirectory: Equatable {
    /// Absolute, without a slash at its end.
    let path: ByteString
    /// DM_DEV_DIR, or "/dev".
    let deviceDirectory: ByteString
    /// Paths below /dev lead here (`dmfuse run`).
    var isDevice = false

    /// One file on one file system.
    struct FileIdentity: Equatable {
        let device: UInt64
        let inode: UInt64
    }

    /// Follows links. A path with one slash in the middle is looked for under the mount, too.
    func file(at path: ByteString) -> FileIdentity? {
        if let status = try? SystemCalls.status(of: path) {
            return FileIdentity(device: status.rawDevice, inode: status.inode)
        }
        let slash = UInt8(ascii: "/")
        guard path.count >= 3, path.bytes.first != slash,
            path.bytes.count(where: { $0 == slash }) == 1,
            let status = try? SystemCalls.status(of: self.path + ByteString("/") + path)
        else { return nil }
        return FileIdentity(device: status.rawDevice, inode: status.inode)
    }

    /// Where the file of a device stands; `name` as the daemon holds it.
    func nodePath(_ name: ByteString) -> ByteString { path + ByteString("/mapper/") + name }

    /// What to do when its daemon doesn't answer.
    func advice(after errno: Errno) -> String {
        switch errno {
        case .noSuchFileOrDirectory, .notDirectory:
            entry == nil ? "no dmfuse is mounted there" : "another mount covers the dmfuse there"
        case .connectionRefused, .socketNotConnected:
            "its daemon is gone; 'dmfuse mount' cleans up and starts another"
        case .permissionDenied: "it belongs to another user: give the command as that user"
        case .timedOut:
            entry?.wayOut ?? "its daemon doesn't answer: it is stopped, or has too much to do"
        default: ""
        }
    }

    /// The newest dmfuse mount at that path.
    private var entry: MountEntry? {
        (try? MountTable.read())?.last { $0.isOurs && $0.directory == path }
    }

    /// What a verb says of a call to its daemon that failed. The core says what to do; where it
    /// couldn't be asked, we do.
    func line(of error: DMError) -> String {
        let text = SystemCalls.text(error.errno)
        let advice = advice(after: error.errno)
        let reason = advice.isEmpty ? error.message : advice
        return reason.isEmpty ? text : "\(text): \(reason)"
    }
}
