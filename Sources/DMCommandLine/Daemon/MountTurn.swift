import DeviceMapper
import Glibc

/// One `dmfuse mount` of a user at a time looks at a directory, mounts there, clears the names of dead
/// daemons' sockets away and gives its own one a name. So of two mounts at once the second finds the first
/// one's, and neither removes the other's for a dead one; and no name that was found dead is a new
/// daemon's by the time it is removed.
///
/// A lock on the runtime directory, which is the user's alone. Should somebody keep it, we go on after a
/// while, and clear no names away: what was mounted in between is then found afterwards.
enum MountTurn {
    private static let patience: UInt32 = 10_000
    private static let pause: UInt32 = 10

    /// `isOurs`: nobody else has the turn.
    static func take<Result>(
        in directory: ByteString, _ body: (_ isOurs: Bool) throws(DMError) -> Result
    ) throws(DMError) -> Result {
        let descriptor = directory.withCString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { if descriptor >= 0 { close(descriptor) } }
        let deadline = Deadline(millisecondsFromNow: patience)
        var isOurs = false
        while descriptor >= 0 {
            isOurs = flock(descriptor, LOCK_EX | LOCK_NB) == 0
            // Else the file system has no locks.
            let isTaken = !isOurs && errno == EWOULDBLOCK
            guard isTaken, !deadline.hasPassed else { break }
            SystemCalls.sleep(pause)
        }
        return try body(isOurs)
    }
}
