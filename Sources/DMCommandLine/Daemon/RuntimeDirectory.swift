import DMControl
import DeviceMapper
import Glibc
import SystemPackage

/// Where control sockets are: a directory that is the user's alone.
///
/// $DMFUSE_RUNTIME_DIR, if it is set, and then no other. Else the first of these that can be used:
/// 1. /run/dmfuse, for root. (Before what a login has made: that goes when root logs out.)
/// 2. $XDG_RUNTIME_DIR/dmfuse, if $XDG_RUNTIME_DIR is the user's and nobody else may write to it
/// 3. /tmp/dmfuse-UID
/// 4. /tmp/dmfuse-UID-XXXXXX, with characters that nobody knows in advance: one that was made
///    before, or else a new one
///
/// Clients need not know which: `mapper/control` of the mount leads there.
struct RuntimeDirectory {
    var user: UInt32
    /// $DMFUSE_RUNTIME_DIR
    var given: ByteString?
    /// $XDG_RUNTIME_DIR
    var login: ByteString?
    /// The two that stand fast. Tests put others in.
    var system = ByteString("/run/dmfuse")
    var shared = ByteString("/tmp")

    private static let mode: mode_t = 0o700

    /// Chooses one and makes it if it isn't there. EINVAL, EPERM and what else the system says: the
    /// one that was given, or the last of the others, can't be used.
    func prepare() throws(DMError) -> ByteString {
        if let given, !given.isEmpty {
            guard given.bytes.first == UInt8(ascii: "/") else {
                throw DMError(
                    .invalidArgument, "DMFUSE_RUNTIME_DIR \(given.string): not an absolute path")
            }
            return try prepare(given, "DMFUSE_RUNTIME_DIR")
        }
        for candidate in candidates() {
            if let path = try? prepare(candidate, "") { return path }
        }
        return try prepareNameless()
    }

    private func candidates() -> [ByteString] {
        var result = user == 0 ? [system] : []
        if let login, login.bytes.first == UInt8(ascii: "/"), isOurs(login) {
            result.append(login + ByteString("/dmfuse"))
        }
        return result + [shared + ByteString("/dmfuse-\(user)")]
    }

    /// What is below another's directory can be replaced by that one.
    private func isOurs(_ path: ByteString) -> Bool {
        guard let status = try? SystemCalls.status(of: path) else { return false }
        return status.isDirectory && status.owner == user && status.mode & 0o022 == 0
    }

    /// One of a name that nobody else can have taken.
    private func prepareNameless() throws(DMError) -> ByteString {
        let prefix = "dmfuse-\(user)-"
        let made = DirectoryNames.read(shared).filter { $0.hasPrefix(ByteString(prefix)) }
        for name in made.sorted() {
            let path = shared + ByteString("/") + name
            if let path = try? check(path, "") { return path }
        }
        var template = (shared.bytes + Array("/\(prefix)XXXXXX".utf8) + [0]).map {
            CChar(bitPattern: $0)
        }
        let failure = template.withUnsafeMutableBufferPointer { buffer -> Errno? in
            guard let base = buffer.baseAddress, mkdtemp(base) == nil else { return nil }
            return Errno(rawValue: errno)
        }
        let path = ByteString(template.dropLast().map { UInt8(bitPattern: $0) })
        if let failure {
            throw DMError(
                failure,
                "runtime directory \(shared.string)/\(prefix)XXXXXX: set DMFUSE_RUNTIME_DIR")
        }
        return try check(path, "runtime directory")
    }

    /// EPERM: it is there and another's, a link, or open to others.
    private func prepare(_ path: ByteString, _ what: String) throws(DMError) -> ByteString {
        let made = path.withCString { mkdir($0, Self.mode) }
        let failure = Errno(rawValue: errno)
        guard made == 0 || failure == .fileExists else {
            throw DMError(failure, "\(what) \(path.string)")
        }
        return try check(path, what)
    }

    /// Looks at the directory itself, whatever the name leads to later, and gives it back the
    /// owner's rights that a umask took. What is used from here on is its path without symbolic links,
    /// as the kernel has it: nobody leads it elsewhere by a link on the way.
    private func check(_ path: ByteString, _ what: String) throws(DMError) -> ByteString {
        let unusable = DMError(
            .notPermitted,
            "\(what) \(path.string): not a directory of mode 0700 of user \(user)")
        let flags = OpenFlags.path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = path.withCString { open($0, flags) }
        let failure = Errno(rawValue: errno)
        guard descriptor >= 0 else {
            if failure == .notDirectory || failure == .tooManySymbolicLinkLevels { throw unusable }
            throw DMError(failure, "\(what) \(path.string)")
        }
        defer { close(descriptor) }
        let itself = "/proc/self/fd/\(descriptor)"
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == user, status.st_mode & 0o077 == 0
        else { throw unusable }
        if status.st_mode & Self.mode != Self.mode { chmod(itself, Self.mode) }
        // Of a user namespace's users some have no number there, and all of them the same one: ask
        // the kernel whether it is really ours. It may be on a file system that is read-only, too.
        guard access(itself, R_OK | W_OK | X_OK) == 0 else {
            throw DMError(Errno(rawValue: errno), "\(what) \(path.string)")
        }
        guard let found = BackingPaths.readLink(ByteString(itself)),
            found.bytes.first == UInt8(ascii: "/")
        else { throw DMError(.noSuchFileOrDirectory, "\(what) \(path.string)") }
        return found
    }

    // MARK: Sockets

    private static let socketSuffix: ByteString = ".control"

    /// A socket for one daemon, of a name that isn't taken: a process in another namespace may have
    /// the same number.
    static func socket(in directory: ByteString, process: Int32) -> ByteString {
        let names = ["\(process)"] + (2...99).map { "\(process)-\($0)" }
        let paths = names.map { name in "\(directory)/\(name)\(socketSuffix)" as ByteString }
        let free = paths.first { path in
            (try? SystemCalls.status(of: path, followingLinks: false)) == nil
        }
        // With all taken, whoever listens there is told so.
        return free ?? paths[0]
    }

    /// Removes the sockets of daemons that were killed: those behind which nobody listens, whatever
    /// process has the number now. Only for who has the turn (`MountTurn`): nobody else names a socket
    /// meanwhile.
    static func removeDeadSockets(in directory: ByteString) {
        for name in DirectoryNames.read(directory) where isSocket(name) {
            ControlServer.removeDeadSocket("\(directory)/\(name)")
        }
    }

    /// One's own name, or the first one (`ControlServer.init`), which a daemon has for a moment.
    private static func isSocket(_ name: ByteString) -> Bool {
        if name.hasSuffix(socketSuffix) { return true }
        let end = name.bytes.lastIndex(of: UInt8(ascii: ".")) ?? 0
        return ByteString(name.bytes[..<end]).hasSuffix(socketSuffix)
    }
}
