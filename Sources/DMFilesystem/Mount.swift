import CFuse
package import DeviceMapper
import Glibc
import SystemPackage

package struct MountOptions: Sendable {
    /// Users other than the mounting one may enter; so may root then, who otherwise may not enter
    /// the mount of an ordinary user.
    package var allowOther = false
    /// The mount goes away with the daemon, even if that is killed. Needs fusermount3.
    package var autoUnmount = false

    package init() {}
}

/// A directory that shows our file system, and the /dev/fuse descriptor that serves it.
///
/// Apart from `Session`, which serves: a daemon that takes over gets its descriptor elsewhere. The
/// kernel ends the connection when the last descriptor of it is closed; then waiting clients get
/// an error.
package final class Mount: Sendable {
    /// Absolute, without symbolic links, as the kernel lists it.
    package let directory: ByteString
    /// The `st_dev` of everything in the mount.
    package let device: UInt64

    private let descriptor: Int32
    /// The helper's socket, which it watches for our end (auto-unmount), or -1.
    private let keeper: Int32

    /// Mounts at an existing directory: with mount(2) where that is permitted, else through
    /// fusermount3. The mount of a dead daemon that is found there is removed first.
    ///
    /// ENOENT, ENOTDIR, EACCES of the path; EBUSY: a daemon serves it already; EPERM: mounting is
    /// refused, in the words of fusermount3.
    package init(at path: ByteString, options: MountOptions = MountOptions()) throws(DMError) {
        let directory = try Mount.resolve(path)
        try Mount.clearStale(at: directory)
        var mount = cfuse_mount()
        var wanted = cfuse_mount_options(
            allow_other: options.allowOther, auto_unmount: options.autoUnmount)
        try Mount.check(directory) { text, reason, size in
            cfuse_mount_at(text, &wanted, &mount, reason, size)
        }
        self.directory = directory
        descriptor = mount.fd
        keeper = mount.keeper
        device = Mount.deviceOrZero(directory)
    }

    deinit {
        close(descriptor)
        if keeper >= 0 { close(keeper) }
    }

    /// Takes the mount out of the tree. From here on the kernel lets nobody in.
    ///
    /// Without `detach` it fails with EBUSY when a file is open or a directory is somebody's working
    /// directory; else the connection has ended when this returns, and with it the session. With
    /// `detach` files stay open until the session is stopped and this object is gone. Asks the file
    /// system: the session must be serving, and this not one of its threads.
    package func unmount(detach: Bool) throws(DMError) {
        try Mount.check(directory) { text, reason, size in
            cfuse_unmount(text, detach, reason, size)
        }
    }

    /// A descriptor for a session to serve and to close. EMFILE.
    func duplicateDescriptor() throws(DMError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        if copy < 0 { throw DMError(Errno(rawValue: errno), "/dev/fuse") }
        return copy
    }

    // MARK: A dead daemon's mount

    /// Removes a dmfuse mount whose daemon is gone, also several on top of each other. EBUSY: the
    /// newest is alive.
    private static func clearStale(at directory: ByteString) throws(DMError) {
        while let found = try MountTable.read().last(where: { $0.directory == directory }),
            found.isOurs
        {
            guard isDead(directory) else {
                throw DMError(
                    .resourceBusy, "\(directory.string): a dmfuse daemon serves it already")
            }
            try check(directory) { text, reason, size in
                cfuse_unmount(text, true, reason, size)
            }
        }
    }

    /// The kernel answers ENOTCONN (ECONNABORTED: after an abort) for a connection without a daemon.
    /// It may know attributes from before, so stat(2) proves nothing: statvfs(3) is never cached.
    private static func isDead(_ directory: ByteString) -> Bool {
        directory.withCString { text in
            var status = statvfs()
            guard statvfs(text, &status) != 0 else { return false }
            let code = errno
            return code == ENOTCONN || code == ECONNABORTED
        }
    }

    /// Absolute and without symbolic links. The last component itself is looked at only when it can
    /// be: a dead daemon's mount can't.
    private static func resolve(_ path: ByteString) throws(DMError) -> ByteString {
        if let whole = realPath(path) { return whole }
        let code = errno
        guard code == ENOTCONN || code == ECONNABORTED else {
            throw DMError(Errno(rawValue: code), path.string)
        }
        var bytes = path.bytes
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
        let parent = slash.map { ByteString(bytes[...$0]) } ?? ByteString(".")
        let name = bytes[(slash.map { $0 + 1 } ?? 0)...]
        guard let above = realPath(parent) else {
            throw DMError(Errno(rawValue: errno), path.string)
        }
        return ByteString(
            (above.bytes == [UInt8(ascii: "/")] ? [] : above.bytes)
                + [UInt8(ascii: "/")] + name)
    }

    /// Nil with errno set.
    private static func realPath(_ path: ByteString) -> ByteString? {
        path.withCString { text in
            guard let resolved = realpath(text, nil) else { return nil }
            defer { free(resolved) }
            return ByteString(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
        }
    }

    private static func deviceOrZero(_ directory: ByteString) -> UInt64 {
        var device: UInt64 = 0
        _ = directory.withCString { text in cfuse_device_of(text, &device) }
        return device
    }

    /// Runs a function of CFuse that leaves a reason, and throws what it returned.
    private static func check(
        _ directory: ByteString,
        _ body: (UnsafePointer<CChar>, UnsafeMutablePointer<CChar>, Int) -> Int32
    ) throws(DMError) {
        var reason = [CChar](repeating: 0, count: 512)
        let result = directory.withCString { text in
            reason.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.map { body(text, $0, buffer.count) } ?? -EINVAL
            }
        }
        guard result < 0 else { return }
        let words = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        throw DMError(
            Errno(rawValue: -result),
            words.isEmpty ? directory.string : Printable.text(words))
    }
}
