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
    private static let setBlockSize: UInt = 0x4C09

    init?(_ file: String, readOnly: Bool = false, blockSize: Int32? = nil) {
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
                guard let blockSize else { return }
                guard ioctl(loop, LoopDevice.setBlockSize, blockSize) == 0 else { return nil }
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

    /// As `blockdev --getss --getpbsz --getiomin --getioopt --getalignoff` shows it.
    private func shown(_ name: String) throws -> [UInt32] {
        let limits = try #require(try registry.limits(.name(ByteString(name))).limits)
        return [
            limits.logicalBlockSize, limits.physicalBlockSize, limits.minimumIO, limits.optimalIO,
            UInt32(bitPattern: limits.shownAlignmentOffset),
        ]
    }

    @Test("what stands on blocks of 4096 bytes has such blocks, and so does what stands on that")
    func largeBlocks() throws {
        let file = try directory.file("f", size: 1 << 20)
        let loop = try #require(LoopDevice(file, blockSize: 4096))
        try create("d", "0 64 linear \(loop.path) 8")
        try create("e", "0 16 linear 254:0 8")
        for name in ["d", "e"] { #expect(try shown(name) == [4096, 4096, 4096, 0, 0], "\(name)") }
        let limits = try #require(try registry.limits(.name(ByteString("e"))).limits)
        #expect(limits.takesDiscards && limits.discardGranularity >= 4096)
        let device = loop.path.split(separator: "/").last ?? ""
        let error = refusal { () throws(DMError) in try create("f", "0 8 linear \(loop.path) 1") }
        #expect(
            error
                == DMError(
                    .invalidArgument,
                    "start=1 not aligned to h/w logical block size 4096 of \(device)"))
        try end()
    }

    @Test("stripes shorter than a block below are discarded and zeroed all the same")
    func partsOfBlocks() throws {
        let files = try ["f", "g"].map { try directory.file($0, size: 1 << 20) }
        let loops = try files.map { try #require(LoopDevice($0, blockSize: 4096)) }
        try create("s", "0 64 striped 2 4 \(loops[0].path) 0 \(loops[1].path) 0")
        let handle = try open("s")
        #expect(handle.blockSize == 4096)
        for operation in [IOOperation.discard, .writeZeroes] {
            var expected = [UInt8](repeating: 7, count: 64 * 512)
            try handle.write(0, expected)
            try handle.beginRange(operation, 4096, 8192).get()
            expected.replaceSubrange(4096..<12288, with: repeatElement(0, count: 8192))
            #expect(try handle.read(0, expected.count) == expected)
        }
        handle.close()
        try end()
    }

    @Test("a file has the limits of a loop device over it")
    func filesAreLoops() throws {
        let file = try directory.file("f", size: 1 << 20)
        let loop = try #require(LoopDevice(file))
        try create("l", "0 64 linear \(loop.path) 0")
        try create("f", "0 64 linear \(file) 0")
        #expect(try shown("l") == [512, 512, 512, 0, 0])
        #expect(try shown("f") == shown("l"))
        let both = try ["l", "f"].map {
            try #require(try registry.limits(.name(ByteString($0))).limits)
        }
        #expect(both[0].takesDiscards == both[1].takesDiscards)
        #expect(both[0].maximumDiscardSectors == both[1].maximumDiscardSectors)
        #expect(both[0].isRotational == both[1].isRotational)
        try end()
    }
}
