import Glibc
import SystemPackage

/// Regular files.
struct FileOpener: DeviceOpener {
    /// Whether files are locked against other daemons (`FileLock`), EBUSY.
    let locksFiles: Bool

    func identity(of place: DevicePlace) -> DeviceIdentity? {
        guard case .file(_, let status, _) = place, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return .file(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    func open(_ place: DevicePlace, writable: Bool) throws(DMError) -> OpenedStore {
        let (descriptor, isWritable) = try place.reopen(writable: writable, isBlockDevice: false)
        try locking(descriptor) { () throws(DMError) in
            try FileLock(descriptor, path: place.text).take(writable: isWritable)
        }
        let store = FileStore(descriptor, isBlockDevice: false)
        return OpenedStore(.synchronous(store), isWritable: isWritable)
    }

    func makeWritable(
        _ opened: OpenedStore, _ place: DevicePlace
    ) throws(DMError) -> Bool {
        let store = FileStore.of(opened)
        let (descriptor, isWritable) = try place.reopen(writable: true, isBlockDevice: false)
        try locking(descriptor) { () throws(DMError) in
            try FileLock(store.descriptorOfLocks, path: place.text).takeAlso(descriptor)
        }
        store.replace(with: descriptor)
        return isWritable
    }

    /// Closes the descriptor where the lock can't be had.
    private func locking(
        _ descriptor: FileDescriptor, _ lock: () throws(DMError) -> Void
    ) throws(DMError) {
        guard locksFiles else { return }
        do throws(DMError) {
            try lock()
        } catch {
            FileLock.release(descriptor)
            BackingIO.close(descriptor)
            throw error
        }
    }
}

/// Block devices of the host, opened exclusively.
struct BlockDeviceOpener: DeviceOpener {
    func identity(of place: DevicePlace) -> DeviceIdentity? {
        guard case .file(_, let status, _) = place, status.st_mode & S_IFMT == S_IFBLK else {
            return nil
        }
        return .blockDevice(UInt64(status.st_rdev))
    }

    func open(_ place: DevicePlace, writable: Bool) throws(DMError) -> OpenedStore {
        guard case .file(_, let status, _) = place else {
            preconditionFailure("a block device without its node")
        }
        let (descriptor, isWritable) = try place.reopen(
            writable: writable, isBlockDevice: true, exclusive: true)
        return OpenedStore(
            .synchronous(FileStore(descriptor, isBlockDevice: true)), isWritable: isWritable,
            number: DeviceNumber(statDevice: UInt64(status.st_rdev)))
    }

    /// Not exclusive: this second descriptor is covered by the first.
    func makeWritable(
        _ opened: OpenedStore, _ place: DevicePlace
    ) throws(DMError) -> Bool {
        let (descriptor, isWritable) = try place.reopen(writable: true, isBlockDevice: true)
        if isWritable {
            FileStore.of(opened).replace(with: descriptor)
        } else {
            // Write-protected still: the descriptor there does as well.
            BackingIO.close(descriptor)
        }
        return isWritable
    }
}

extension FileStore {
    fileprivate static func of(_ opened: OpenedStore) -> FileStore {
        guard let store = opened.store.store as? FileStore else {
            preconditionFailure("a file without its store")
        }
        return store
    }
}

extension DevicePlace {
    /// A descriptor for I/O of what an O_PATH one leads to: the same file, whatever happened to
    /// its path since.
    fileprivate func reopen(
        writable: Bool, isBlockDevice: Bool, exclusive: Bool = false
    ) throws(DMError) -> (FileDescriptor, isWritable: Bool) {
        guard case .file(let file, _, _) = self else {
            preconditionFailure("a word was opened as a file")
        }
        let flags = O_CLOEXEC | (exclusive ? O_EXCL : 0)
        let path = "/proc/self/fd/\(file.rawValue)"
        var descriptor = Glibc.open(path, (writable ? O_RDWR : O_RDONLY) | flags)
        var code = errno
        if descriptor >= 0 { return (FileDescriptor(rawValue: descriptor), writable) }
        if writable && isBlockDevice && (code == EROFS || code == EACCES) {
            // As in the kernel, a writable table over a write-protected block device is accepted,
            // and the writes fail.
            descriptor = Glibc.open(path, O_RDONLY | flags)
            code = errno
            if descriptor >= 0 { return (FileDescriptor(rawValue: descriptor), false) }
        }
        let cause = Errno(rawValue: code)
        // What was tried is said only where that is what was wrong.
        let canBeRead = writable && [EACCES, EROFS, EPERM, ETXTBSY].contains(code) && canRead(path)
        throw DMError(
            cause,
            "\(text): \(cause)" + (canBeRead ? ": it can be had read-only, with --readonly" : ""))
    }

    private func canRead(_ path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        Glibc.close(descriptor)
        return true
    }
}
