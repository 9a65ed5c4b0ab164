import CLinux
import Glibc
import SystemPackage

/// Links to devices, as lvm and udev make them: /dev/vg/lv leads to /dev/mapper/vg-lv. What that is the
/// client's device directory says, not the /dev that the daemon sees.
extension ClientPaths {
    enum End {
        case mapped(minor: UInt32)
        /// A path that the file system is to be asked for.
        case path(ByteString)
    }

    /// What a path means by its text, or by that of the links at its end. ENODEV: below the mount, and
    /// no device.
    func followLinks(_ word: ByteString) throws(DMError) -> End {
        let mostLinks = 40  // as the kernel
        var path = word
        var deviceDirectories = [deviceDirectory]
        // Links outside the mount the file system follows as well as we do.
        var goesThroughMount = false
        for _ in 0...mostLinks {
            if let minor = try matchAsText(path, in: deviceDirectories) {
                return .mapped(minor: minor)
            }
            guard let link = link(at: path) else { break }
            if link.isInMount {
                goesThroughMount = true
                deviceDirectories = [deviceDirectory, ByteString("/dev")]
            }
            let slash = UInt8(ascii: "/")
            let front =
                link.target.bytes.first == slash
                ? [] : link.path.bytes[...(link.path.bytes.lastIndex(of: slash) ?? 0)]
            path = ByteString(ClientPaths.normalized(front + link.target.bytes))
        }
        return .path(goesThroughMount ? path : word)
    }

    /// A link: where it was found, and what it says.
    private struct Link {
        let path: ByteString
        let target: ByteString
        let isInMount: Bool
    }

    /// The link at the end of a path, or of the same one in the mount, where users make links if they
    /// may make none in the device directory. Nil: none.
    private func link(at path: ByteString) -> Link? {
        if let link = readLink(path) { return link }
        guard let below = ClientPaths.remainder(of: path, below: deviceDirectory) else {
            return nil
        }
        return readLink("\(mount)/\(ByteString(below))")
    }

    private func readLink(_ path: ByteString) -> Link? {
        let descriptor = path.withCString { clinux_open_link($0) }
        guard descriptor >= 0 else { return nil }
        defer { BackingIO.close(FileDescriptor(rawValue: descriptor)) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFLNK,
            clinux_is_procfs(descriptor) == 0, !isBarred(path, status)
        else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(descriptor, "", &buffer, buffer.count)
        guard count > 0 else { return nil }
        return Link(
            path: path, target: ByteString(buffer[..<count].map { UInt8(bitPattern: $0) }),
            isInMount: UInt64(status.st_dev) == mountDevice)
    }

    /// Whether the kernel refuses us to follow a link at a path's end: another user's, in a directory where
    /// everybody makes some (fs.protected_symlinks). Then it is left to the kernel.
    private func isBarred(_ path: ByteString, _ link: stat) -> Bool {
        let shared = S_ISVTX | S_IWOTH
        var directory = stat()
        let front = ByteString(path.bytes.dropLast(path.lastComponent.count))
        return link.st_uid != clinux_effective_user()
            && front.withCString { stat($0, &directory) } == 0
            && directory.st_mode & shared == shared && directory.st_uid != link.st_uid
            && clinux_protects_links() != 0
    }
}
