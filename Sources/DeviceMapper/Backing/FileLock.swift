import CLinux
import Glibc
import SystemPackage

/// What keeps two daemons from using one backing file at once: either any number of them reads it, or
/// one writes it. A block device is claimed by O_EXCL, as by dm; a file has no such thing.
///
/// Advisory, in bytes that no file has, so that nobody's locks of data meet it: a byte that all users
/// of a file lock shared, one that its writer locks exclusively, and one that tells the user's process.
/// They belong to the open file (F_OFD_SETLK). Nobody waits for one, and a file system without locks does
/// without.
struct FileLock {
    private static let base = 1 << 62
    private static let use = base
    private static let write = base + 1
    /// The byte with the process's number behind this one.
    private static let processes = base + 16
    private static let processCount = 1 << 32

    /// The descriptor that the file was opened with first: it has the shared locks.
    private let first: FileDescriptor
    private let path: ByteString

    init(_ first: FileDescriptor, path: ByteString) {
        self.first = first
        self.path = path
    }

    /// Gives up the locks of a descriptor, before it is closed. Closing it isn't enough: a child process
    /// has the open file, too, from its fork until it becomes another program.
    static func release(_ descriptor: FileDescriptor) {
        clinux_unlock_bytes(descriptor.rawValue, base)
    }

    /// Locks the file to read it, or to read and write it. What was locked before an error stays until
    /// `release`. EBUSY: somebody else writes it, or has it to himself.
    func take(writable: Bool) throws(DMError) {
        if writable { try takeToWrite(first) }
        guard clinux_lock_byte(first.rawValue, FileLock.use, 0) != -EAGAIN else {
            throw refusal(at: FileLock.use, "uses it")
        }
        _ = clinux_lock_byte(first.rawValue, FileLock.processes + Int(getpid()), 0)
        if writable { return try checkIsOnlyUser() }
        var process: Int32 = 0
        if clinux_find_lock(first.rawValue, FileLock.write, 1, &process) >= 0 {
            throw refusal(at: FileLock.write, "writes it")
        }
    }

    /// Locks a file that is locked to read, to write it as well, by a descriptor that can. EBUSY as
    /// above, with the earlier lock as it was.
    func takeAlso(_ writable: FileDescriptor) throws(DMError) {
        try takeToWrite(writable)
        try checkIsOnlyUser()
    }

    private func takeToWrite(_ writable: FileDescriptor) throws(DMError) {
        guard clinux_lock_byte(writable.rawValue, FileLock.write, 1) != -EAGAIN else {
            throw refusal(at: FileLock.write, "writes it")
        }
    }

    private func checkIsOnlyUser() throws(DMError) {
        var process: Int32 = 0
        if clinux_find_lock(first.rawValue, FileLock.use, 1, &process) >= 0 {
            throw refusal(at: FileLock.use, "reads it")
        }
    }

    private func refusal(at byte: Int, _ deed: String) -> DMError {
        var process: Int32 = 0
        _ = clinux_find_lock(first.rawValue, byte, 1, &process)
        guard process == 0 else {
            return DMError(
                .resourceBusy, "\(path.string): process \(process) has locked it")
        }
        let found = clinux_find_lock(
            first.rawValue, FileLock.processes, FileLock.processCount, &process)
        let who =
            found < 0 || process != 0
            ? "another dmfuse daemon"
            : "another dmfuse daemon, process \(found - FileLock.processes),"
        return DMError(
            .resourceBusy,
            "\(path.string): \(who) \(deed); with 'dmfuse mount --no-lock' none looks at that")
    }
}
