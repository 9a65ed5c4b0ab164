package import DeviceMapper
import Glibc

/// Whether anybody answers for a FUSE file system, found out in bounded time.
package enum Liveness: Sendable {
    case alive
    /// Its daemon is gone, or the connection was ended.
    case dead
    /// No answer came in time: the daemon is stopped, stuck or slow.
    case silent
    /// Somebody answers, but not us: another user's, which may have our number where a user namespace
    /// was entered after it was mounted.
    case foreign

    /// Asks all of them at once, and waits at most so long. A thread that gets no answer is left
    /// behind: it ends with the answer, or with this process.
    package static func look(at directories: [ByteString], milliseconds: UInt32) -> [Liveness] {
        let looks = directories.map { directory in
            BoundedCall.begin("dmfuse-look") { ask(directory) }
        }
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        // Without a thread it is not asked: better than to wait for ever.
        return looks.map { $0?.wait(until: deadline) ?? .silent }
    }

    /// May block. The kernel answers ENOTCONN (ECONNABORTED: after an abort) for a connection without
    /// a daemon. It may know attributes from before, so stat(2) proves nothing: statvfs(3) is never
    /// cached.
    private static func ask(_ directory: ByteString) -> Liveness {
        directory.withCString { text in
            var status = statvfs()
            guard statvfs(text, &status) != 0 else {
                // The kernel's own answer to those whom FUSE keeps out.
                return access(text, X_OK) != 0 && errno == EACCES ? .foreign : .alive
            }
            let code = errno
            return code == ENOTCONN || code == ECONNABORTED ? .dead : .alive
        }
    }
}
