import CFuse
import DeviceMapper
import Glibc

/// Files of the mount that the daemon opens itself. No device is opened by that, and nothing cached is
/// dropped.
///
/// The kernel has no notification that only writes back what mappings changed. But whoever has a file
/// open may ask for that.
final class OwnFiles: Sendable {
    private let place: HeldDirectory
    private let device: UInt64

    /// Guards `threads`. Leaf.
    private let lock = Lock(rank: .leaf, name: "OwnFiles.lock")
    /// Those that are opening one.
    nonisolated(unsafe) private var threads: Set<pid_t> = []

    init(of mount: Mount) {
        place = mount.place
        device = mount.device
    }

    /// Whether an OPEN of that thread is one of ours: it is to be answered with `handle`.
    func isOpening(_ thread: pid_t) -> Bool { lock.withLock { threads.contains(thread) } }

    /// The number that none of a client's files has.
    static let handle: UInt64 = 0

    /// Writes what mappings changed of a device's file to the device, and waits for that: for each of
    /// these requests. False: it can't be opened, as when something else is mounted over it, or when
    /// its permissions don't let us.
    func writeBack(minor: UInt32) -> Bool {
        // No other file system is asked, which may not answer.
        guard place.place?.device == device else { return false }
        let thread = cfuse_thread_id()
        _ = lock.withLock { threads.insert(thread) }
        let file = place.open(Tree.deviceFile(minor))
        _ = lock.withLock { threads.remove(thread) }
        guard file >= 0 else { return false }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, UInt64(status.st_dev) == device else { return false }
        // Errors are told to those who changed it, by their fsync.
        _ = cfuse_write_back(file)
        return true
    }
}
