import DeviceMapper
import Glibc
import SystemPackage

/// Where control sockets are: a directory that is the user's alone.
enum RuntimeDirectory {
    private static let mode: mode_t = 0o700

    /// /run/dmfuse for root, else $XDG_RUNTIME_DIR/dmfuse, else /tmp/dmfuse-UID. Somebody else may
    /// have made the last one: so it is looked at, not followed, before it is used.
    static func path(user: UInt32, runtimeDirectory: ByteString?) -> ByteString {
        if user == 0 { return ByteString("/run/dmfuse") }
        if let runtimeDirectory, runtimeDirectory.bytes.first == UInt8(ascii: "/") {
            return runtimeDirectory + ByteString("/dmfuse")
        }
        return fallback(user: user)
    }

    /// Where there is no better place.
    static func fallback(user: UInt32) -> ByteString { ByteString("/tmp/dmfuse-\(user)") }

    /// Makes it if it isn't there. EPERM: it is there and another's, a link, or open to others.
    static func prepare(_ path: ByteString, user: UInt32) throws(DMError) {
        let made = path.withCString { mkdir($0, mode) }
        let failure = Errno(rawValue: errno)
        guard made == 0 || failure == .fileExists else {
            throw DMError(failure, "runtime directory \(path.string)")
        }
        let status: SystemCalls.FileStatus
        do {
            status = try SystemCalls.status(of: path, followingLinks: false)
        } catch {
            throw DMError(error, "runtime directory \(path.string)")
        }
        guard status.isDirectory, status.owner == user, status.mode & 0o077 == 0 else {
            throw DMError(
                .notPermitted,
                "runtime directory \(path.string): not a directory of mode 0700 of user \(user)")
        }
    }

    private static let socketSuffix: ByteString = ".control"

    /// A socket for one daemon. The number of a process that is gone may come again: what it left
    /// is cleared away by whoever listens there.
    static func socket(in directory: ByteString, process: Int32) -> ByteString {
        "\(directory)/\(process)\(socketSuffix)"
    }

    /// Removes the sockets of daemons that were killed: those of a number that no process has,
    /// behind which nobody listens. (The number alone proves nothing to a process in another
    /// namespace, and a socket is silent for a moment before its daemon listens.)
    static func removeDeadSockets(in directory: ByteString) {
        for name in SystemCalls.names(in: directory) {
            guard name.hasSuffix(socketSuffix),
                let process: Int32 = Digits.number(name.bytes.dropLast(socketSuffix.count)),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            let path = directory + ByteString("/") + name
            guard SystemCalls.isSocketDead(path) else { continue }
            _ = path.withCString { unlink($0) }
        }
    }
}
