import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// Reads whose bytes stay in a mapped file until they are delivered.
@Suite struct LendingTests {
    private let registry = DeviceRegistry(
        RegistryConfiguration(mappedMajor: 254, backingMajor: 251))
    private let directory: TemporaryDirectory
    private static let length = 1 << 20

    init() throws { directory = try TemporaryDirectory() }

    private func create(_ name: String, _ table: String) throws {
        let paths = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
            mountPoint: ByteString("/nonexistent-mount"), mountDevice: 0)
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        _ = try registry.load(
            .name(ByteString(name)), lines: MemoryDevices.lines(table), readOnly: false,
            resolver: paths)
        _ = try registry.resume(.name(ByteString(name)))
    }

    private func open(_ name: String) throws -> DeviceHandle {
        let disk = try #require(registry.disk(named: ByteString(name)))
        return try registry.open(minor: disk.number.minor, generation: disk.generation)
    }

    private func file(_ name: String, seed: UInt64) throws -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        let bytes = generator.bytes(LendingTests.length)
        try directory.file(name, size: bytes.count, bytes)
        return bytes
    }

    private func end() throws {
        try registry.beginShutdown(force: true)
        registry.finishShutdown()
    }

    /// What a client that takes bytes by writev(2) gets.
    private struct Outcome {
        var bytes: [UInt8] = []
        var wasDelivered = false
        var error: Errno?
        var vectors = 0
    }

    private func read(
        _ handle: DeviceHandle, _ offset: UInt64, _ length: Int,
        before: @escaping @Sendable () -> Void = {}
    ) throws -> Outcome {
        let sink = "\(directory.path)/sink-\(UInt64.random(in: 0...UInt64.max))"
        let descriptor = Glibc.open(sink, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        nonisolated(unsafe) var outcome = Outcome()
        let done = Background<Bool> {
            nonisolated(unsafe) var hasEnded = false
            let request = IORequest(
                delivery: { request in
                    before()
                    return request.withVectors { vectors in
                        outcome.vectors = vectors.count
                        return writev(descriptor, vectors.baseAddress, Int32(vectors.count))
                            == length
                    }
                },
                completion: { request in
                    outcome.wasDelivered = request.wasDelivered
                    outcome.error = request.error
                    if !request.wasDelivered { outcome.bytes = Array(request.data) }
                    hasEnded = true
                })
            request.prepareRead(offset: offset, length: length)
            handle.submit(request)
            return eventually { hasEnded }
        }
        #expect(try done.get())
        if outcome.wasDelivered, outcome.error == nil {
            outcome.bytes = [UInt8](repeating: 0, count: length)
            #expect(pread(descriptor, &outcome.bytes, length, 0) == length)
        }
        return outcome
    }

    @Test("a large read of a file in memory is lent, through three devices too")
    func lendsLargeReads() throws {
        let bytes = try file("a", seed: 1)
        try create("one", "0 2048 linear \(directory.path)/a 0")
        try create("two", "0 2047 linear 254:0 1")
        try create("three", "0 2046 linear 254:1 1")
        for (name, shift) in [("one", 0), ("two", 512), ("three", 1024)] {
            let handle = try open(name)
            for (offset, length) in [(0, 32 << 10), (4096, 256 << 10), (777, 500_001)] {
                let outcome = try read(handle, UInt64(offset), length)
                #expect(outcome.wasDelivered && outcome.error == nil)
                #expect(outcome.bytes == Array(bytes[shift + offset..<shift + offset + length]))
            }
            let small = try read(handle, 512, 4096)
            #expect(!small.wasDelivered)
            #expect(small.bytes == Array(bytes[shift + 512..<shift + 4608]))
            handle.close()
        }
        try end()
    }

    @Test("pieces of several files, zeros and small parts come together in order")
    func mixesPieces() throws {
        let a = try file("a", seed: 2)
        let b = try file("b", seed: 3)
        try create(
            "d",
            """
            0 256 striped 2 64 \(directory.path)/a 0 \(directory.path)/b 0
            256 100 zero
            356 9 linear \(directory.path)/b 1000
            365 300 linear \(directory.path)/a 500
            """)
        var expected: [UInt8] = []
        for row in 0..<2 {
            for source in [a, b] { expected += source[row * 32768..<(row + 1) * 32768] }
        }
        expected += [UInt8](repeating: 0, count: 51_200)
        expected += b[512_000..<512_000 + 9 * 512]
        expected += a[256_000..<256_000 + 300 * 512]
        let handle = try open("d")
        let outcome = try read(handle, 0, expected.count)
        #expect(outcome.wasDelivered && outcome.error == nil)
        #expect(outcome.vectors == 6)
        #expect(outcome.bytes == expected)
        handle.close()
        try end()
    }

    @Test(
        "a long read gets each stripe's bytes together, lent where there are few chunks",
        arguments: [
            (sectors: 128, lent: true), (sectors: 64, lent: true), (sectors: 8, lent: false),
        ])
    func gathersStripes(chunk: (sectors: Int, lent: Bool)) throws {
        let files = try ["a", "b", "c"].map { try file($0, seed: 8 + UInt64($0.utf8.first!)) }
        let stripes = ["a", "b", "c"].map { "\(directory.path)/\($0) 0" }.joined(separator: " ")
        try create("d", "0 3072 striped 3 \(chunk.sectors) \(stripes)")
        let size = chunk.sectors * 512
        var expected: [UInt8] = []
        for row in 0..<(3072 / 3 / chunk.sectors) {
            for bytes in files { expected += bytes[row * size..<(row + 1) * size] }
        }
        let handle = try open("d")
        for (offset, length) in [(0, 700_000), (512, 400_000), (70_001, 700_007)] {
            let outcome = try read(handle, UInt64(offset), length)
            #expect(outcome.error == nil)
            #expect(outcome.wasDelivered == chunk.lent)
            #expect(outcome.bytes == Array(expected[offset..<offset + length]))
        }
        handle.close()
        try end()
    }

    @Test("a long write reaches striped files, and what a file hasn't got is EIO")
    func scattersWrites() throws {
        let names = ["a", "b"]
        for name in names { try directory.file(name, size: 1 << 20) }
        let stripes = names.map { "\(directory.path)/\($0) 8" }.joined(separator: " ")
        try create("d", "0 2048 striped 2 8 \(stripes)")
        var generator = SeededGenerator(seed: 9)
        let bytes = generator.bytes(1 << 20)
        let handle = try open("d")
        try handle.write(0, bytes)
        for (stripe, name) in names.enumerated() {
            let written = directory.bytes(name, 0, 1 << 20)
            for chunk in 0..<128 {
                let from = (2 * chunk + stripe) * 4096
                #expect(
                    written[(chunk + 1) * 4096..<(chunk + 2) * 4096] == bytes[from..<from + 4096])
            }
        }
        // In the middle of a stretch.
        #expect(truncate("\(directory.path)/b", 201 * 512 + 7) == 0)
        #expect(throws: DMError(.ioError)) { try handle.write(0, bytes) }
        #expect(throws: DMError(.ioError)) { try handle.read(0, 1 << 20) }
        #expect(try handle.read(0, 100_000) == Array(bytes[..<100_000]))
        handle.close()
        try end()
    }

    @Test("more pieces than there are places are read")
    func manyPieces() throws {
        let bytes = try file("a", seed: 4)
        let lines = (0..<32).map { "\($0 * 64) 64 linear \(directory.path)/a \((31 - $0) * 64)" }
        try create("d", lines.joined(separator: "\n"))
        let handle = try open("d")
        let outcome = try read(handle, 0, 1 << 20)
        #expect(outcome.error == nil)
        #expect(outcome.vectors == 32)
        var expected: [UInt8] = []
        for index in (0..<32).reversed() { expected += bytes[index * 32768..<(index + 1) * 32768] }
        #expect(outcome.bytes == expected)
        handle.close()
        try end()
    }

    @Test("a part that leaves a device before the whole is delivered is read")
    func partsOfLowerDevicesAreRead() throws {
        let bytes = try file("a", seed: 5)
        try create("left", "0 1024 linear \(directory.path)/a 0")
        try create("right", "0 1024 linear \(directory.path)/a 1024")
        try create("top", "0 1024 linear 254:0 0\n1024 1024 linear 254:1 0")
        let handle = try open("top")
        let outcome = try read(handle, 0, 1 << 20)
        #expect(!outcome.wasDelivered)
        #expect(outcome.bytes == bytes)
        handle.close()
        try end()
    }

    @Test("a file cut short before the delivery is EIO, and the process lives")
    func truncatedUnderneath() throws {
        let bytes = try file("a", seed: 6)
        let path = "\(directory.path)/a"
        try create("d", "0 2048 linear \(path) 0")
        let handle = try open("d")
        let lost = try read(handle, 0, 1 << 20, before: { #expect(truncate(path, 512_000) == 0) })
        #expect(lost.wasDelivered && lost.error == .ioError)
        let beyond = try read(handle, 0, 1 << 20)
        #expect(!beyond.wasDelivered && beyond.error == .ioError)
        // Within the last page a mapping would show zeros.
        let across = try read(handle, 480_000, 32 << 10)
        #expect(!across.wasDelivered && across.error == .ioError)
        #expect(try read(handle, 0, 500_000).bytes == Array(bytes[..<500_000]))
        handle.close()
        try end()
    }

    @Test("a failing part gives the lent ones back")
    func failureGivesBack() throws {
        _ = try file("a", seed: 7)
        try create("d", "0 1024 linear \(directory.path)/a 0\n1024 8 error")
        let handle = try open("d")
        let outcome = try read(handle, 0, 1032 * 512)
        #expect(!outcome.wasDelivered && outcome.error == .ioError)
        handle.close()
        try end()
    }

    @Test("windows are bounded, and go with their file")
    func windowsAreBounded() throws {
        let size = 300 * Int(Limits.fileWindowBytes)
        try directory.file("large", size: size)
        try create("d", "0 \(size / 512) linear \(directory.path)/large 0")
        let handle = try open("d")
        for index in 0..<300 {
            let offset = UInt64(index) * Limits.fileWindowBytes
            #expect(try read(handle, offset, 32 << 10).error == nil)
        }
        #expect(FileWindows.shared.count <= 256)
        handle.close()
        try end()
    }
}
