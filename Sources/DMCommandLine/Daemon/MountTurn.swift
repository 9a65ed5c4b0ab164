import DeviceMapper
import Glibc

/// One `dmfuse mount` of a user looks at a directory and mounts there at a time: so of two at once the
/// second finds the first one's mount, and neither removes the other's for a dead one.
///
/// A lock on the runtime directory, which is the user's alone. Should somebody keep it, we go on after a
/// while: what was mounted in between is then found afterwards.
enum MountTurn {
    private static let patience: UInt32 = 10_000
    private static let pause: UInt32 = 10

    static func take<Result>(
        in directory: ByteString, _ body: () throws(DMError) -> Result
    ) throws(DMError) -> Result {
        let descriptor = directory.withCString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { if descriptor >= 0 { close(descriptor) } }
        let deadline = Deadline(millisecondsFromNow: patience)
        while descriptor >= 0, isTaken(descriptor), !deadline.hasPassed { SystemCalls.sleep(pause) }
        return try body()
    }

    /// By somebody else; else it is ours now, or the file system has no locks.
    private static func isTaken(_ descriptor: CInt) -> Bool {
        flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
}
