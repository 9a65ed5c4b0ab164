import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// Words of table lines as paths and numbers of real files.
@Suite struct BackingTests {
    private let registry = DeviceRegistry(
        RegistryConfiguration(mappedMajor: 254, backingMajor: 251))
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// No file is on file system 0.
    private func paths(workingDirectory: FileDescriptor? = nil) -> ClientPaths {
        ClientPaths(
            registry: registry, workingDirectory: workingDirectory,
            deviceDirectory: ByteString("/dev"), mountPoint: ByteString("/nonexistent-mount"),
            mountDevice: 0)
    }

    private func create(
        _ name: String, _ table: String, readOnly: Bool = false, _ paths: ClientPaths? = nil
    ) throws(DMError) {
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        do {
            _ = try registry.load(
                .name(ByteString(name)), lines: MemoryDevices.lines(table), readOnly: readOnly,
                resolver: paths ?? self.paths())
            _ = try registry.resume(.name(ByteString(name)))
        } catch {
            _ = try registry.remove(.name(ByteString(name)), deferred: false)
            throw error
        }
    }

    private func open(_ name: String) throws -> DeviceHandle {
        let disk = try #require(registry.disk(named: ByteString(name)))
        return try registry.open(minor: disk.number.minor, generation: disk.generation)
    }

    private func table(_ name: String, paths: Bool = false) throws -> String? {
        try registry.tableStatus(.name(ByteString(name)), .table(paths: paths), inactive: false)
            .lines.first.map { "\($0.start) \($0.length) \($0.targetType) \($0.text)" }
    }

    /// A child process has what was open at its fork, until it becomes another program; and so does a
    /// descriptor that was duplicated.
    @Test(
        "a file is free when its last device is gone, whoever else has the open file",
        arguments: [false, true])
    func lockIsGivenUp(rewritten: Bool) throws {
        let path = "\(directory.path)/a"
        let file = try FileDescriptor.open(
            FilePath(path), .readWrite, options: .create, permissions: .ownerReadWrite)
        ftruncate(file.rawValue, 1 << 20)
        try file.close()
        try create("x", "0 8 linear \(path) 0", readOnly: rewritten)
        // Then it is opened once more, to write.
        if rewritten { try create("y", "0 8 linear \(path) 8") }
        let duplicates = (0..<1024).filter {
            BackingPaths.readLink(ByteString("/proc/self/fd/\($0)"))?.string == path
        }.map { dup(Int32($0)) }
        #expect(duplicates.count == (rewritten ? 2 : 1))
        defer { for duplicate in duplicates { close(duplicate) } }
        for name in rewritten ? ["x", "y"] : ["x"] {
            _ = try registry.remove(.name(ByteString(name)), deferred: false)
        }
        try create("x", "0 8 linear \(path) 0")
        try end()
    }

    private func end() throws {
        try registry.beginShutdown(force: true)
        registry.finishShutdown()
    }

    /// The descriptors of this process that lead to the file.
    private func openDescriptors(of name: String) -> Int {
        (0..<1024).count {
            BackingPaths.readLink(ByteString("/proc/self/fd/\($0)"))?.string
                == "\(directory.path)/\(name)"
        }
    }

    @Test("a file is a backing device; it is closed with its last table")
    func mapsFile() throws {
        let path = try directory.file("f", size: 8192)
        try create("d", "0 8 linear \(path) 8")
        try create("e", "0 8 linear \(path) 0")
        #expect(openDescriptors(of: "f") == 1)
        let handle = try open("d")
        try handle.write(100, [1, 2, 3])
        try handle.flush()
        #expect(directory.bytes("f", 4096 + 99, 5) == [0, 1, 2, 3, 0])
        #expect(try handle.read(99, 5) == [0, 1, 2, 3, 0])
        handle.close()
        #expect(try table("d") == "0 8 linear 251:0 8")
        #expect(try table("d", paths: true) == "0 8 linear \(path) 8")
        _ = try registry.remove(.name(ByteString("d")), deferred: false)
        #expect(openDescriptors(of: "f") == 1)
        _ = try registry.remove(.name(ByteString("e")), deferred: false)
        #expect(openDescriptors(of: "f") == 0)
        try end()
    }

    @Test("a trailing part of a sector does not count")
    func wholeSectors() throws {
        let path = try directory.file("f", size: 8192 - 1)
        #expect(
            throws: DMError(
                .invalidArgument, "f too small for target: start=0, len=16, dev_size=15")
        ) { try create("d", "0 16 linear \(path) 0") }
        try create("d", "0 15 linear \(path) 0")
        try end()
    }

    @Test("a relative path begins at the client's working directory")
    func relativePaths() throws {
        try directory.file("f", size: 4096, [7])
        let working = try directory.descriptor()
        for word in ["f", "./f", ".//f", "../\(directory.path.split(separator: "/").last ?? "")/f"]
        {
            try create("d", "0 8 linear \(word) 0", paths(workingDirectory: working))
            let handle = try open("d")
            #expect(try handle.read(0, 1) == [7])
            handle.close()
            _ = try registry.remove(.name(ByteString("d")), deferred: false)
        }
        #expect(throws: DMError.self) { try create("d", "0 8 linear f 0") }
        expectErrno(.operationNotSupportedByDevice) { () throws(DMError) in
            try create("d", "0 8 linear g 0", paths(workingDirectory: working))
        }
        try working.close()
        try end()
    }

    @Test("a path with spaces and backslashes is printed so that it can be read again")
    func quotesPaths() throws {
        let path = try directory.file("a b\\c", size: 4096)
        let quoted = path.replacing("\\", with: "\\\\").replacing(" ", with: "\\ ")
        try create("d", "0 8 linear \(quoted) 0")
        let line = try #require(try table("d", paths: true))
        #expect(line == "0 8 linear \(quoted) 0")
        _ = try registry.remove(.name(ByteString("d")), deferred: false)
        try create("d", line)
        try end()
    }

    @Test("a number that a table printed makes the same table again")
    func feedsNumbersBack() throws {
        let path = try directory.file("f", size: 4096, [9])
        try create("d", "0 8 linear \(path) 0")
        let line = try #require(try table("d"))
        _ = try registry.remove(.name(ByteString("d")), deferred: false)
        try create("d", line)
        let handle = try open("d")
        #expect(try handle.read(0, 1) == [9])
        handle.close()
        #expect(try table("d") == line)
        #expect(
            registry.backingNumbers.path(DeviceNumber(major: 251, minor: 0)) == ByteString(path))
        try end()
    }

    @Test("a number whose path leads to another file now is ENODEV, also when it is gone")
    func refusesOtherFile() throws {
        let path = try directory.file("f", size: 4096)
        try create("d", "0 8 linear \(path) 0")
        let line = try #require(try table("d"))
        _ = try registry.remove(.name(ByteString("d")), deferred: false)
        rename(path, path + ".moved")
        expectErrno(.operationNotSupportedByDevice) { () throws(DMError) in
            try create("d", line)
        }
        try directory.file("f", size: 4096)
        expectErrno(.operationNotSupportedByDevice) { () throws(DMError) in
            try create("d", line)
        }
        // Found again under its new name, it keeps its number.
        try create("d", "0 8 linear \(path).moved 0")
        #expect(try table("d") == line)
        try end()
    }

    @Test(
        "numbers that lead nowhere",
        arguments: [
            ("251:0", .noSuchAddressOrDevice), ("251:99", .noSuchAddressOrDevice),
            ("254:5", .noSuchAddressOrDevice), ("254:0", .noSuchAddressOrDevice),
            ("7", .noSuchAddressOrDevice), ("4096:0", .overflow), ("0:1048576", .overflow),
            ("99999999999:0", .overflow), ("1:99999999999", .overflow),
            ("1:", .operationNotSupportedByDevice), (":1", .operationNotSupportedByDevice),
            ("510:2:3", .noSuchAddressOrDevice), ("-1:2", .operationNotSupportedByDevice),
            ("510:510", .noSuchAddressOrDevice), ("1fe0fe", .noSuchAddressOrDevice),
        ] as [(String, Errno)])
    func numbersToNothing(word: String, errno: Errno) throws {
        expectErrno(errno) { () throws(DMError) in try create("d", "0 8 linear \(word) 0") }
        try end()
    }

    @Test("what is neither a file nor a block device is ENODEV, and isn't waited for")
    func refusesOtherKinds() throws {
        let fifo = "\(directory.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let dangling = "\(directory.path)/dangling"
        #expect(symlink("nowhere", dangling) == 0)
        let loop = "\(directory.path)/loop"
        #expect(symlink("loop", loop) == 0)
        for path in [
            fifo, dangling, loop, "/dev/null", directory.path, "/nosuch", "/proc/self/ns/mnt",
            String(repeating: "x", count: 5000), "/" + String(repeating: "y/", count: 3000),
        ] {
            let errno = refusal { () throws(DMError) in
                try create("d", "0 8 linear \(path) 0")
            }?.errno
            // Some of the names in /proc are regular files.
            #expect(errno == .operationNotSupportedByDevice || path.hasPrefix("/proc"), "\(path)")
            if errno == nil { _ = registry.removeAll(deferred: false) }
        }
        try end()
    }

    @Test("two names of one file are one device")
    func sharesByIdentity() throws {
        let path = try directory.file("f", size: 8192)
        #expect(link(path, path + ".hard") == 0)
        #expect(symlink("f", path + ".soft") == 0)
        try create(
            "d",
            "0 4 linear \(path) 0\n4 4 linear \(path).hard 4\n8 4 linear \(path).soft 8\n"
                + "12 4 linear \(directory.path)//./f 12")
        #expect(
            try registry.dependencies(.name(ByteString("d")), inactive: false).numbers
                == [DeviceNumber(major: 251, minor: 0)])
        try create("e", "0 4 linear \(path).hard 0")
        #expect(try table("e") == "0 4 linear 251:0 0")
        #expect(openDescriptors(of: "f") + openDescriptors(of: "f.hard") == 1)
        try end()
    }

    @Test("a file that was opened to read is opened to write when a table needs that")
    func upgradesMode() throws {
        let path = try directory.file("f", size: 4096)
        try create("r", "0 8 linear \(path) 0", readOnly: true)
        let reader = try open("r")
        #expect(throws: DMError(.ioError)) { try reader.write(0, [1]) }
        try create("w", "0 8 linear \(path) 0")
        let writer = try open("w")
        try writer.write(0, [5])
        #expect(try reader.read(0, 1) == [5])
        #expect(throws: DMError(.ioError)) { try reader.write(0, [1]) }
        reader.close()
        writer.close()
        try end()
        #expect(openDescriptors(of: "f") == 0)
    }

    @Test(
        "a file that the daemon may not write is EACCES, unless the table is read-only",
        .disabled(if: geteuid() == 0, "root may write everything"))
    func unwritable() throws {
        let path = try directory.file("f", size: 4096, mode: 0o400)
        expectErrno(.permissionDenied) { () throws(DMError) in
            try create("d", "0 8 linear \(path) 0")
        }
        try create("d", "0 8 linear \(path) 0", readOnly: true)
        expectErrno(.permissionDenied) { () throws(DMError) in
            _ = try registry.load(
                .name(ByteString("d")), lines: MemoryDevices.lines("0 8 linear \(path) 0"),
                readOnly: false, resolver: paths())
        }
        try end()
    }

    @Test("what a file lost since is EIO: never zeros, and a write does not make it longer")
    func shortFile() throws {
        let path = try directory.file("f", size: 8192)
        try create("d", "0 16 linear \(path) 0")
        let handle = try open("d")
        #expect(truncate(path, 4096 + 100) == 0)
        #expect(try handle.read(0, 4096).count == 4096)
        #expect(throws: DMError(.ioError)) { try handle.read(4096, 512) }
        #expect(throws: DMError(.ioError)) { try handle.read(0, 8192) }
        #expect(throws: DMError(.ioError)) { try handle.write(4096, [1]) }
        #expect(throws: DMError(.ioError)) { try handle.write(8191, [1]) }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_size == 4096 + 100)
        #expect(truncate(path, 8192) == 0)
        try handle.write(8191, [1])
        #expect(directory.bytes("f", 8190, 2) == [0, 1])
        handle.close()
        try end()
    }

    @Test("a file that was removed stays, as long as a table holds it")
    func removedFile() throws {
        let path = try directory.file("f", size: 4096)
        try create("d", "0 8 linear \(path) 0")
        unlink(path)
        let handle = try open("d")
        try handle.write(0, [3])
        #expect(try handle.read(0, 1) == [3])
        handle.close()
        try end()
    }

    @Test("paths below the mount are matched as text: nodes, links, other names of the directory")
    func matchesMount() throws {
        let path = try directory.file("f", size: 4096)
        try create("a\\x20b", "0 8 linear \(path) 0")
        let mounted = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dmdev/"),
            mountPoint: ByteString("//mnt/./x/"), mountDevice: 0)
        for word in [
            "/mnt/x/dm-0", "/mnt//x/./dm-0", "/mnt/x/mapper/a\\x20b", "/dmdev/mapper/a\\x20b",
            "/dmdev/dm-0", "254:0",
        ] {
            guard case .mapped(0) = try mounted.resolve(ByteString(word), writable: true) else {
                Issue.record("\(word) is no mapped device")
                continue
            }
        }
        for word in [
            "/mnt/x/dm-1", "/mnt/x/dm-00", "/mnt/x/dm-", "/mnt/x/dm-4294967296", "/mnt/x/mapper/",
            "/mnt/x/mapper", "/mnt/x/mapper/none", "/mnt/x/other", "/mnt/x/control", "/mnt/x",
            "/dmdev/mapper/none",
        ] {
            expectErrno(.operationNotSupportedByDevice) { () throws(DMError) in
                _ = try mounted.resolve(ByteString(word), writable: true)
            }
        }
        try end()
    }

    @Test("a path that leads to the mount's file system is recognised by it, and never opened")
    func recognisesMount() throws {
        let path = try directory.file("f", size: 4096)
        var status = stat()
        #expect(stat(path, &status) == 0)
        let mounted = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
            mountPoint: ByteString("/nonexistent-mount"), mountDevice: UInt64(status.st_dev))
        // Whatever device its inode number means, it is not taken as a file.
        do throws(DMError) {
            if case .backing(let device) = try mounted.resolve(ByteString(path), writable: true) {
                device.release()
                Issue.record("it was opened as a file")
            }
        } catch {
            #expect(error.errno == .operationNotSupportedByDevice)
        }
        try end()
    }

    @Test("a file is opened once though many tables take and release it at once")
    func opensOnce() throws {
        let path = try directory.file("f", size: 4096)
        let registry = self.registry
        let paths = self.paths()
        let users = (0..<6).map { index in
            Background { () throws(DMError) in
                for round in 0..<100 {
                    guard
                        case .backing(let device) = try paths.resolve(
                            ByteString(path), writable: (index + round) % 2 == 0)
                    else { throw DMError(.invalidArgument) }
                    var bytes = [UInt8](repeating: 0, count: 512)
                    let store = device.store as? any SynchronousStore
                    let error = bytes.withUnsafeMutableBytes { store?.read(into: $0, at: 0) }
                    device.release()
                    if let error { throw DMError(error) }
                }
            }
        }
        for user in users { try user.get() }
        #expect(openDescriptors(of: "f") == 0)
        #expect(registry.backingNumbers.path(DeviceNumber(major: 251, minor: 1)) == nil)
        try end()
    }
}
