import CFuse
import DeviceMapper
import Glibc
import SystemPackage

/// A directory that is held by descriptors: what is done there is done to this one, whatever becomes
/// of its path. They keep no mount on it from being unmounted, but the one that it is the root of.
final class HeldDirectory: Sendable {
    /// Where it was when it was opened: absolute, without symbolic links, as the kernel lists it.
    let path: ByteString
    let descriptor: Int32
    private let parent: Int32
    /// In the parent.
    private let name: ByteString

    /// Follows links, as mount(8) does. Asks nothing of a file system that is mounted right there, so
    /// that its daemon may be dead or stopped. ENOENT, ENOTDIR, EACCES, EMFILE.
    init(_ path: ByteString) throws(DMError) {
        let descriptor = try HeldDirectory.open(AT_FDCWD, path, path)
        let held: (parent: Int32, path: ByteString)
        do throws(DMError) {
            held = try HeldDirectory.parent(of: descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = held.path
        parent = held.parent
        name = HeldDirectory.name(held.path)
    }

    /// Opened by its path: ".." would ask the directory's own file system. So it is looked at whether
    /// that path leads to the directory, which may be renamed meanwhile.
    private static func parent(
        of directory: Int32, _ given: ByteString
    ) throws(DMError) -> (parent: Int32, path: ByteString) {
        guard let path = BackingPaths.readLink(ByteString("/proc/self/fd/\(directory)")),
            path.bytes.first == UInt8(ascii: "/"), let own = place(directory, .empty)
        else { throw DMError(.noSuchFileOrDirectory, given.string) }
        let parent = try open(AT_FDCWD, above(path), given)
        if let found = place(parent, name(path)), found.device == own.device,
            found.inode == own.inode, found.mount == own.mount
        {
            return (parent, path)
        }
        close(parent)
        throw DMError(.noSuchFileOrDirectory, "\(given.string): it was renamed or covered just now")
    }

    private static func above(_ path: ByteString) -> ByteString {
        ByteString(path.bytes.dropLast(path.lastComponent.count) + [UInt8(ascii: ".")])
    }

    private static func name(_ path: ByteString) -> ByteString {
        path.lastComponent.isEmpty ? ByteString(".") : path.lastComponent
    }

    deinit {
        close(descriptor)
        close(parent)
    }

    private static func open(
        _ directory: Int32, _ path: ByteString, _ given: ByteString
    ) throws(DMError) -> Int32 {
        let opened = path.withCString { cfuse_open_directory(directory, $0) }
        guard opened >= 0 else { throw DMError(Errno(rawValue: -opened), given.string) }
        return opened
    }

    /// The topmost mount at its name now; nil: nothing is there any more.
    var place: cfuse_place? { HeldDirectory.place(parent, name) }

    /// Opens what has that name in what is mounted there now, to read. A descriptor, or a negative errno.
    func open(_ file: ByteString) -> Int32 {
        (name + ByteString("/") + file).withCString { cfuse_open_file(parent, $0) }
    }

    /// What the descriptor itself is on.
    var ownPlace: cfuse_place? { HeldDirectory.place(descriptor, .empty) }

    /// Unmounts `wanted` if it is the topmost mount at its name. ESTALE: it isn't. EBUSY. `path`: where
    /// that name is now.
    func unmount(_ wanted: cfuse_place, path: ByteString, detach: Bool) throws(DMError) {
        try HeldDirectory.unmount(wanted, parent, name, path: path, detach: detach)
    }

    // MARK: By path

    /// The same for what is mounted at a path.
    static func unmount(_ number: UInt64, at path: ByteString, detach: Bool) throws(DMError) {
        let name = name(path)
        let parent = try open(AT_FDCWD, above(path), path)
        defer { close(parent) }
        guard let place = place(parent, name), place.mount == number else {
            throw DMError(Errno(rawValue: ESTALE), path.string)
        }
        try unmount(place, parent, name, path: path, detach: detach)
    }

    private static func place(_ directory: Int32, _ name: ByteString) -> cfuse_place? {
        var place = cfuse_place()
        return name.withCString { cfuse_look_at(directory, $0, &place) } == 0 ? place : nil
    }

    private static func unmount(
        _ wanted: cfuse_place, _ parent: Int32, _ name: ByteString, path: ByteString, detach: Bool
    ) throws(DMError) {
        var wanted = wanted
        try CFuseReason.check(path) { text, reason, size in
            name.withCString { cfuse_unmount(&wanted, parent, $0, text, detach, reason, size) }
        }
    }
}

/// Functions of CFuse that return a negative errno and leave a reason.
enum CFuseReason {
    /// Throws what `body` returned, with the reason, or the path where there is none.
    static func check(
        _ path: ByteString,
        _ body: (UnsafePointer<CChar>, UnsafeMutablePointer<CChar>, Int) -> Int32
    ) throws(DMError) {
        var reason = [CChar](repeating: 0, count: 512)
        let result = path.withCString { text in
            reason.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.map { body(text, $0, buffer.count) } ?? -EINVAL
            }
        }
        guard result < 0 else { return }
        let words = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        throw DMError(
            Errno(rawValue: -result),
            words.isEmpty ? path.string : Printable.text(words))
    }
}
