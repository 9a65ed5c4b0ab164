import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// A file behind a loop device, for as long as this lives; nil where the machine has none to give.
private final class LoopDevice {
    let path: String
    private let descriptor: Int32

    private static let setFD: UInt = 0x4C00
    private static let clearFD: UInt = 0x4C01
    private static let getFree: UInt = 0x4C82

    init?(_ file: String, readOnly: Bool = false) {
        let control = open("/dev/loop-control", O_RDWR | O_CLOEXEC)
        guard control >= 0 else { return nil }
        defer { close(control) }
        let backing = open(file, (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        guard backing >= 0 else { return nil }
        defer { close(backing) }
        // Another process may take the free one first.
        for _ in 0..<10 {
            let number = ioctl(control, LoopDevice.getFree)
            guard number >= 0 else { return nil }
            let path = "/dev/loop\(number)"
            let loop = open(path, (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
            guard loop >= 0 else { return nil }
            if ioctl(loop, LoopDevice.setFD, backing) == 0 {
                self.path = path
                descriptor = loop
                return
            }
            close(loop)
        }
        return nil
    }

    deinit {
        _ = ioctl(descriptor, LoopDevice.clearFD, 0)
        close(descriptor)
    }

    static let isAvailable: Bool = {
        guard let directory = try? TemporaryDirectory(),
            let file = try? directory.file("probe", size: 4096)
        else { return false }
        return LoopDevice(file) != nil
    }()
}

@Suite(.enabled(if: LoopDevice.isAvailable, "no loop devices here"), .serialized)
struct BlockDeviceTests {
    private let registry = DeviceRegistry(
        RegistryConfiguration(mappedMajor: 254, backingMajor: 251))
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func create(
        _ name: String, _ table: String, readOnly: Bool = false
    ) throws(DMError) {
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        do {
            _ = try registry.load(
                .name(ByteString(name)), lines: MemoryDevices.lines(table), readOnly: readOnly,
                resolver: ClientPaths(
                    registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
                    mountPoint: ByteString("/nonexistent-mount"), mountDevice: 0))
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

    private func end() throws {
        try registry.beginShutdown(force: true)
        registry.finishShutdown()
    }

    private func descriptors(_ path: String) -> Int {
        (0..<1024).count {
            BackingPaths.readLink(ByteString("/proc/self/fd/\($0)"))?.string == path
        }
    }

    @Test("a block device is mapped by path and by number, and opened once")
    func maps() throws {
        let file = try directory.file("f", size: 1 << 20)
        let loop = try #require(LoopDevice(file))
        try create("d", "0 8 linear \(loop.path) 8")
        let text = try registry.tableStatus(
            .name(ByteString("d")), .table(paths: false), inactive: false
        ).lines[0].text.string
        let number = text.split(separator: " ")[0]
        #expect(number.hasPrefix("7:"))
        try create("e", "0 8 linear \(number) 8")
        #expect(descriptors(loop.path) == 2, "one of the test, one of the registry")
        let writer = try open("d")
        let reader = try open("e")
        try writer.write(10, [1, 2, 3])
        try writer.flush()
        #expect(try reader.read(9, 5) == [0, 1, 2, 3, 0])
        #expect(directory.bytes("f", 4096 + 10, 3) == [1, 2, 3])
        writer.close()
        reader.close()
        expectErrno(.invalidArgument) { () throws(DMError) in
            try create("x", "0 2049 linear \(loop.path) 0")
        }
        try end()
        #expect(descriptors(loop.path) == 1)
    }

    @Test("it is held exclusively while a table has it, and refused while others hold it so")
    func isExclusive() throws {
        let file = try directory.file("f", size: 1 << 20)
        let loop = try #require(LoopDevice(file))
        try create("d", "0 8 linear \(loop.path) 0", readOnly: true)
        #expect(Glibc.open(loop.path, O_RDONLY | O_EXCL | O_CLOEXEC) < 0 && errno == EBUSY)
        // To write as well: covered by the exclusive one.
        try create("w", "0 8 linear \(loop.path) 0")
        #expect(Glibc.open(loop.path, O_RDONLY | O_EXCL | O_CLOEXEC) < 0 && errno == EBUSY)
        #expect(registry.removeAll(deferred: false) == 0)
        let held = Glibc.open(loop.path, O_RDONLY | O_EXCL | O_CLOEXEC)
        #expect(held >= 0)
        expectErrno(.resourceBusy) { () throws(DMError) in
            try create("d", "0 8 linear \(loop.path) 0")
        }
        close(held)
        try end()
    }

    @Test("a writable table over a write-protected one is accepted, once and again; writes are EIO")
    func writeProtected() throws {
        let file = try directory.file("f", size: 1 << 20, [9])
        let loop = try #require(LoopDevice(file, readOnly: true))
        for name in ["c", "d", "e"] { try create(name, "0 8 linear \(loop.path) 0") }
        #expect(descriptors(loop.path) == 2, "one of the test, one of the registry")
        let handle = try open("e")
        #expect(throws: DMError(.ioError)) { try handle.write(0, [1]) }
        #expect(try handle.read(0, 1) == [9])
        handle.close()
        try end()
    }
}
