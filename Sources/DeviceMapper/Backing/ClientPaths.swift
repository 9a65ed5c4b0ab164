import CLinux
import Glibc
package import SystemPackage

/// Resolves words of table lines as one client sees them: its working directory, its device
/// directory.
///
/// Paths of devices below the mount are matched as text and not opened: that would ask ourselves.
/// So are the links at a path's end (`ClientPaths+Links.swift`): what they say of /dev/mapper is meant as
/// the client has it. A path that leads into the mount all the same is recognised by its file system and
/// turned into the device.
package struct ClientPaths: DeviceResolver {
    private let registry: DeviceRegistry
    private let workingDirectory: FileDescriptor?
    let deviceDirectory: ByteString
    let mount: ByteString
    let mountDevice: UInt64

    /// `workingDirectory`: an O_PATH descriptor, which the caller keeps open; nil: relative paths
    /// are ENODEV. `deviceDirectory`: the client's DM_DEV_DIR, or /dev. `mountPoint`: absolute.
    /// `mountDevice`: `st_dev` of the mount.
    package init(
        registry: DeviceRegistry, workingDirectory: FileDescriptor?, deviceDirectory: ByteString,
        mountPoint: ByteString, mountDevice: UInt64
    ) {
        self.registry = registry
        self.workingDirectory = workingDirectory
        self.deviceDirectory = ByteString(ClientPaths.normalized(deviceDirectory.bytes))
        mount = ByteString(ClientPaths.normalized(mountPoint.bytes))
        self.mountDevice = mountDevice
    }

    package func resolve(_ word: ByteString, writable: Bool) throws(DMError) -> ResolvedDevice {
        if let number = try DeviceWord.number(word) {
            return try resolve(number, writable: writable)
        }
        guard !word.isEmpty, !word.bytes.contains(0) else {
            throw DMError(.operationNotSupportedByDevice)
        }
        if let device = try registry.backings.take(word, writable: writable) {
            return .backing(device)
        }
        do throws(DMError) {
            return try resolvePath(word, writable: writable)
        } catch {
            guard error.errno == .operationNotSupportedByDevice else { throw error }
            return try resolve(DeviceWord.other(word), after: error, writable: writable)
        }
    }

    /// What a word means that is no path, for which `pathError` was found.
    private func resolve(
        _ meaning: DeviceWord.Meaning?, after pathError: DMError, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        switch meaning {
        case .number(let number):
            do throws(DMError) {
                return try resolve(number, writable: writable)
            } catch {
                throw DMError(error.errno, "\(pathError.message); as \(number): \(error.message)")
            }
        case .mapped(let minor) where registry.disk(minor: minor)?.hasTable == true:
            return .mapped(minor: minor)
        case .mapped, nil:
            throw pathError
        }
    }

    private func resolvePath(
        _ word: ByteString, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        let path = try absolute(word)
        switch try followLinks(path) {
        case .mapped(let minor): return .mapped(minor: minor)
        case .path(path): return try open(path, as: word, writable: writable)
        case .path(let end): return try open(end, as: end, writable: writable)
        }
    }

    // MARK: Numbers

    private func resolve(
        _ number: DeviceNumber, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        if number.major == registry.mappedMajor { return .mapped(minor: number.minor) }
        if number.major == registry.backingNumbers.major {
            guard let (identity, path) = registry.backingNumbers.file(number) else {
                throw DMError(.noSuchAddressOrDevice)
            }
            guard case .file = identity else {
                return try resolve(number, word: path, writable: writable)
            }
            return try withPath(path, relativeTo: nil) { file throws(DMError) in
                var status = stat()
                guard fstat(file.rawValue, &status) == 0,
                    identity
                        == .file(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
                else {
                    throw DMError(
                        .operationNotSupportedByDevice, "another file stands at \(path.string) now")
                }
                return try back(file, path, writable: writable)
            }
        }
        let node = ByteString("/dev/block/\(number)")
        do throws(DMError) {
            return try open(BlockNodes.path(of: number) ?? node, as: node, writable: writable)
        } catch {
            guard error.errno == .operationNotSupportedByDevice else { throw error }
            throw DMError(.noSuchAddressOrDevice, error.message)
        }
    }

    /// What got that number when an opener took the word.
    private func resolve(
        _ number: DeviceNumber, word: ByteString, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        guard let device = try registry.backings.take(word, writable: writable) else {
            throw DMError(.operationNotSupportedByDevice, "\(word.string): no such device")
        }
        guard device.number == number else {
            device.release()
            throw DMError(
                .operationNotSupportedByDevice, "another device is \(word.string) now")
        }
        return .backing(device)
    }

    // MARK: Paths

    /// Without "." and doubled slashes; ".." stays, since only the file system knows where a link
    /// leads.
    private func absolute(_ word: ByteString) throws(DMError) -> ByteString {
        if word.bytes.first == UInt8(ascii: "/") {
            return ByteString(ClientPaths.normalized(word.bytes))
        }
        guard let workingDirectory,
            let directory = BackingPaths.readLink(
                ByteString("/proc/self/fd/\(workingDirectory.rawValue)"))
        else {
            throw DMError(
                .operationNotSupportedByDevice, "\(word.string): the working directory is gone")
        }
        return ByteString(
            ClientPaths.normalized(directory.bytes + [UInt8(ascii: "/")] + word.bytes))
    }

    static func normalized(_ path: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for part in path.split(separator: UInt8(ascii: "/")) where part != [UInt8(ascii: ".")] {
            result.append(UInt8(ascii: "/"))
            result.append(contentsOf: part)
        }
        return result.isEmpty ? [UInt8(ascii: "/")] : result
    }

    /// The device behind MOUNT/dm-N, MOUNT/mapper/NAME or DEVICE-DIRECTORY/mapper/NAME. Nil: not a
    /// path of ours, or of what a user made in the mount. ENODEV: below the mount, and no device.
    func matchAsText(
        _ path: ByteString, in deviceDirectories: [ByteString]
    ) throws(DMError) -> UInt32? {
        if let below = ClientPaths.remainder(of: path, below: mount),
            let inside = ClientPaths.resolvingParents(below)
        {
            if let minor = minor(below: inside) { return minor }
            guard ClientPaths.isOurs(inside) else { return nil }
            throw DMError(.operationNotSupportedByDevice, "\(path.string): no such device")
        }
        for directory in deviceDirectories {
            if let below = ClientPaths.remainder(of: path, below: directory) {
                return minor(below: below)
            }
        }
        return nil
    }

    /// Whether something below the mount is of the daemon's making.
    private static func isOurs(_ below: ArraySlice<UInt8>) -> Bool {
        let name = below.prefix { $0 != UInt8(ascii: "/") }
        return deviceFile(name) != nil
            || ["mapper", "block", "proc"].contains { name.elementsEqual($0.utf8) }
    }

    /// Without "..", which below our own directories needs no file system: none there is a link. Nil: it
    /// leads out of the mount, or goes through a directory of a user's.
    private static func resolvingParents(_ below: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var parts: [ArraySlice<UInt8>] = []
        for part in below.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual("..".utf8) {
                guard let first = parts.first, isOurs(first) else { return nil }
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return Array(parts.joined(separator: [UInt8(ascii: "/")]))[...]
    }

    private func minor(below: ArraySlice<UInt8>) -> UInt32? {
        if below.starts(with: "mapper/".utf8) {
            let node = ByteString(below.dropFirst("mapper/".utf8.count))
            return registry.disk(named: node).flatMap(ClientPaths.minor)
        }
        guard let minor = ClientPaths.deviceFile(below) else { return nil }
        return registry.disk(minor: minor).flatMap(ClientPaths.minor)
    }

    /// The minor of "dm-7"; "dm-07" and "dm-data" are names like any other.
    private static func deviceFile(_ name: ArraySlice<UInt8>) -> UInt32? {
        guard name.starts(with: "dm-".utf8) else { return nil }
        let digits = ByteString(name.dropFirst(3))
        guard let minor: UInt32 = Digits.number(digits.bytes), digits == "\(minor)" else {
            return nil
        }
        return minor
    }

    /// Nil: it never had a table, and so the kernel would have no node of it.
    private static func minor(of disk: DiskInfo) -> UInt32? {
        disk.hasTable ? disk.number.minor : nil
    }

    static func remainder(
        of path: ByteString, below directory: ByteString
    ) -> ArraySlice<UInt8>? {
        guard path.hasPrefix(directory), path.count > directory.count else { return nil }
        let rest = path.bytes[directory.count...]
        return rest.first == UInt8(ascii: "/") ? rest.dropFirst() : nil
    }

    private func open(
        _ path: ByteString, as word: ByteString, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        // A relative path is opened from the directory itself, which may have no path any more.
        let start = word.bytes.first == UInt8(ascii: "/") ? nil : workingDirectory
        return try withPath(start == nil ? path : word, relativeTo: start) { file throws(DMError) in
            var status = stat()
            guard fstat(file.rawValue, &status) == 0 else {
                throw DMError(.operationNotSupportedByDevice, Errno(rawValue: errno).description)
            }
            guard UInt64(status.st_dev) == mountDevice else {
                return try back(file, path, writable: writable)
            }
            guard let minor = NodeNumber(rawValue: UInt64(status.st_ino)).minor else {
                throw DMError(.operationNotSupportedByDevice, "\(path.string): no device")
            }
            return .mapped(minor: minor)
        }
    }

    /// EINVAL, as for a circle of devices: it stands on our own mount.
    private func back(
        _ file: FileDescriptor, _ path: ByteString, writable: Bool
    ) throws(DMError) -> ResolvedDevice {
        let mount = DeviceNumber(statDevice: mountDevice)
        let device = try registry.backings.take(file, path: path, writable: writable) {
            (status) throws(DMError) in
            var underlay = Underlay(mount: mount, view: .host)
            if let way = underlay.way(from: file, status) {
                throw DMError(
                    .invalidArgument, "\(path.string) stands on this mount itself: \(way)")
            }
        }
        return .backing(device)
    }

    /// Opens with O_PATH, which asks the file system to find the file and no more: it neither
    /// waits for a fifo nor starts a device, and on our own mount sends no OPEN. Links of procfs
    /// are not followed, and its files not taken: /proc/self and /dev/fd are ours here, not the
    /// client's.
    private func withPath(
        _ path: ByteString, relativeTo directory: FileDescriptor?,
        _ body: (FileDescriptor) throws(DMError) -> ResolvedDevice
    ) throws(DMError) -> ResolvedDevice {
        let descriptor = path.withCString {
            clinux_open_path(directory?.rawValue ?? AT_FDCWD, $0)
        }
        guard descriptor >= 0 else {
            let error = Errno(rawValue: -descriptor)
            // What can't be found is ENODEV, as the kernel says; these are our own.
            let own: [Errno] = [
                .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noFunction,
            ]
            throw DMError(
                own.contains(error) ? error : .operationNotSupportedByDevice,
                "\(path.string): \(error.description)")
        }
        let file = FileDescriptor(rawValue: descriptor)
        defer { BackingIO.close(file) }
        guard clinux_is_procfs(file.rawValue) == 0 else {
            throw DMError(
                .operationNotSupportedByDevice, "\(path.string): a file of the daemon's own")
        }
        return try body(file)
    }
}
