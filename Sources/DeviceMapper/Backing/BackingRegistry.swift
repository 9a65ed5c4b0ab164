import Glibc
import SystemPackage

/// The backing devices that tables have open: one for each file or block device, whatever paths
/// led there.
package final class BackingRegistry: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    private struct Entry {
        let device: BackingDevice
        let store: FileStore
        var users: Int
        var isWritable: Bool
    }

    /// Guards the fields below. Leaf: nothing is opened or closed under it.
    private let lock = Lock(rank: .leaf, name: "BackingRegistry.lock")
    private let changed = Condition()
    private var entries: [BackingNumbers.Identity: Entry] = [:]
    /// Being opened or closed by some thread; others wait. A block device is opened exclusively, so
    /// that two who open it at once would refuse each other.
    private var inTransit: Set<BackingNumbers.Identity> = []

    private let numbers: BackingNumbers
    private let workers: IOWorkers
    private let locksFiles: Bool

    /// `locksFiles`: files are locked against other daemons (`FileLock`).
    init(numbers: BackingNumbers, workers: IOWorkers, locksFiles: Bool) {
        self.numbers = numbers
        self.workers = workers
        self.locksFiles = locksFiles
    }

    /// Takes the device behind a descriptor that was opened with O_PATH. ENODEV: neither a regular
    /// file nor a block device. EACCES, EROFS, EBUSY, EMFILE: as open(2) says. EBUSY: locked by
    /// another daemon. `check`: called before a device is opened that no table has yet.
    func take(
        _ file: FileDescriptor, path: ByteString, writable: Bool,
        check: (_ status: stat) throws(DMError) -> Void = { (_) throws(DMError) in }
    ) throws(DMError) -> BackingDevice {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw DMError(Errno(rawValue: errno)) }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFBLK else {
            throw DMError(.operationNotSupportedByDevice, "neither a file nor a block device")
        }
        let isBlockDevice = kind == S_IFBLK
        // A block device is its number, whichever node leads to it.
        let identity =
            isBlockDevice
            ? BackingNumbers.Identity(device: UInt64.max, inode: UInt64(status.st_rdev))
            : BackingNumbers.Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))

        let standing = enterTransit(identity)
        defer { leaveTransit(identity) }
        if let standing, standing.isWritable || !writable {
            return use(identity)
        }
        if standing == nil { try check(status) }
        let (opened, isWritable) = try BackingRegistry.reopen(
            file, writable: writable, isBlockDevice: isBlockDevice,
            isHeldByUs: standing != nil)
        if locksFiles && !isBlockDevice {
            do throws(DMError) {
                if let standing {
                    try FileLock(standing.store.descriptorOfLocks, path: path).takeAlso(opened)
                } else {
                    try FileLock(opened, path: path).take(writable: isWritable)
                }
            } catch {
                BackingIO.close(opened)
                throw error
            }
        }
        if let standing {
            if isWritable {
                standing.store.replace(with: opened)
                lock.withLock { entries[identity]?.isWritable = true }
            } else {
                // Write-protected still: the descriptor there does as well.
                BackingIO.close(opened)
            }
            return use(identity)
        }
        let number: DeviceNumber
        do {
            number =
                isBlockDevice
                ? DeviceNumber(statDevice: UInt64(status.st_rdev))
                : try numbers.number(identity, path: path)
        } catch {
            BackingIO.close(opened)
            throw error
        }
        let store = FileStore(opened, isBlockDevice: isBlockDevice)
        let device = BackingDevice(
            number: number, name: path.lastComponent.string,
            path: path, store: .synchronous(store), workers: workers,
            onRelease: { [self] in release(identity) })
        lock.withLock {
            entries[identity] = Entry(
                device: device, store: store, users: 1, isWritable: isWritable)
        }
        return device
    }

    /// Waits until nobody else opens or closes that device; the entry that stands then, if any.
    private func enterTransit(_ identity: BackingNumbers.Identity) -> Entry? {
        lock.withLock {
            while inTransit.contains(identity) { changed.wait(lock) }
            inTransit.insert(identity)
            return entries[identity]
        }
    }

    private func leaveTransit(_ identity: BackingNumbers.Identity) {
        lock.withLock {
            inTransit.remove(identity)
            changed.broadcast()
        }
    }

    private func use(_ identity: BackingNumbers.Identity) -> BackingDevice {
        lock.withLock {
            guard var entry = entries[identity] else {
                preconditionFailure("an entry in transit went away")
            }
            entry.users += 1
            entries[identity] = entry
            return entry.device
        }
    }

    private func release(_ identity: BackingNumbers.Identity) {
        guard enterTransit(identity) != nil else {
            preconditionFailure("a backing device was released too often")
        }
        let last = lock.withLock { () -> Entry? in
            entries[identity]?.users -= 1
            guard let entry = entries[identity], entry.users == 0 else { return nil }
            entries[identity] = nil
            return entry
        }
        last?.store.close()
        leaveTransit(identity)
    }

    /// A descriptor for I/O of what an O_PATH one leads to: the same file, whatever happened to
    /// its path since.
    private static func reopen(
        _ file: FileDescriptor, writable: Bool, isBlockDevice: Bool, isHeldByUs: Bool
    ) throws(DMError) -> (FileDescriptor, isWritable: Bool) {
        // Exclusive once: a second descriptor of ours, to write where one only reads, is covered
        // by the first.
        let exclusive = isBlockDevice && !isHeldByUs ? O_EXCL : 0
        let path = "/proc/self/fd/\(file.rawValue)"
        var descriptor = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | exclusive)
        var code = errno
        if descriptor >= 0 { return (FileDescriptor(rawValue: descriptor), writable) }
        if writable && isBlockDevice && (code == EROFS || code == EACCES) {
            // As in the kernel, a writable table over a write-protected block device is accepted,
            // and the writes fail.
            descriptor = open(path, O_RDONLY | O_CLOEXEC | exclusive)
            code = errno
            if descriptor >= 0 { return (FileDescriptor(rawValue: descriptor), false) }
        }
        throw DMError(Errno(rawValue: code), Errno(rawValue: code).description)
    }
}
