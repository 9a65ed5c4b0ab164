import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// Discard and write-zeroes.
@Suite struct RangeTests {
    private static let operations: [IOOperation] = [.discard, .writeZeroes]

    @Test(
        "each stripe is asked once, for its share",
        arguments: [(2, 8, 4, 0), (3, 3, 5, 7), (1, 16, 2, 1), (5, 1, 9, 0), (4, 24, 2, 3)])
    func stripes(count: Int, chunk: Int, rows: Int, before: Int) throws {
        let devices = MemoryDevices()
        let sectors = count * chunk * rows
        let stores = (0..<count).map { index in
            devices.addStore(
                "s\(index)", MemoryStore([UInt8](repeating: 1, count: (chunk * rows + index) * 512))
            )
        }
        let destinations = (0..<count).map { "s\($0) \($0)" }.joined(separator: " ")
        let zero = before > 0 ? "0 \(before) zero\n" : ""
        try devices.create(
            "s", zero + "\(before) \(sectors) striped \(count) \(chunk) \(destinations)")
        let handle = try devices.open("s")
        var generator = SeededGenerator(seed: UInt64(sectors))
        for round in 0..<60 {
            let ones = [UInt8](repeating: 1, count: (before + sectors) * 512)
            try handle.write(0, ones)
            let from = Int.random(in: 0..<before + sectors, using: &generator)
            let length = Int.random(in: 1...before + sectors - from, using: &generator)
            let calls = stores.map { $0.calls.count }
            // The zero target takes no discards.
            let operation = RangeTests.operations[before > 0 ? 1 : round % 2]
            try handle.beginRange(operation, UInt64(from) * 512, length * 512).get()
            var expected = ones
            for range in [0..<before * 512, from * 512..<(from + length) * 512] {
                expected.replaceSubrange(range, with: repeatElement(0, count: range.count))
            }
            #expect(try handle.read(0, ones.count) == expected, "\(from) \(length)")
            for (store, earlier) in zip(stores, calls) {
                let ranges = store.calls[earlier...].filter { $0.kind != .read }
                #expect(ranges.count <= 1, "\(from) \(length)")
                #expect(ranges.allSatisfy { $0.count > 0 })
            }
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a range goes to every target that it touches, and fails where one does")
    func boundaries() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", MemoryStore([UInt8](repeating: 1, count: 8 * 512)))
        let b = devices.addStore("b", MemoryStore([UInt8](repeating: 1, count: 8 * 512)))
        try devices.create("l", "0 4 linear a 2\n4 4 zero\n8 4 linear b 0\n12 4 error")
        let handle = try devices.open("l")
        try handle.beginRange(.writeZeroes, 3 * 512, 6 * 512).get()
        expectErrno(.ioError) { () throws(DMError) in
            try handle.beginRange(.writeZeroes, 11 * 512, 2 * 512).get()
        }
        for operation in RangeTests.operations {
            let expected: Errno = operation == .discard ? .notSupported : .ioError
            expectErrno(expected) { () throws(DMError) in
                try handle.beginRange(operation, 15 * 512, 2 * 512).get()
            }
        }
        try handle.beginRange(.writeZeroes, 0, 0).get()
        func sectors(_ store: MemoryStore) -> [UInt8] {
            (0..<8).map { store.contents[$0 * 512] }
        }
        #expect(sectors(a) == [1, 1, 1, 1, 1, 0, 1, 1])
        #expect(sectors(b) == [0, 1, 1, 0, 1, 1, 1, 1])
        handle.close()
        try devices.shutDown()
    }

    @Test("a store that can't discard says so, and that is no error of its stripe")
    func unsupported() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 16)
        let b = devices.addStore("b", sectors: 16)
        try devices.create("s", "0 32 striped 2 8 a 0 b 0")
        let handle = try devices.open("s")
        b.fail(after: 0, .notSupported)
        expectErrno(.notSupported) { () throws(DMError) in try handle.discard(0, 32 * 512) }
        let status = try devices.registry.tableStatus(
            .name(ByteString("s")), .info, inactive: false)
        #expect(status.lines.first?.text.hasSuffix("AA") == true)
        handle.close()
        try devices.shutDown()
    }

    @Test("a suspended device holds ranges, in their order among writes")
    func held() throws {
        let devices = MemoryDevices()
        let store = devices.addStore("a", MemoryStore([UInt8](repeating: 1, count: 16 * 512)))
        try devices.create("l", "0 16 linear a 0")
        let handle = try devices.open("l")
        _ = try devices.registry.suspend(.name(ByteString("l")))
        let requests = [
            handle.beginWrite(0, [UInt8](repeating: 2, count: 8 * 512)),
            handle.beginRange(.discard, 512, 2 * 512),
            handle.beginWrite(2 * 512, [UInt8](repeating: 3, count: 512)),
            handle.beginRange(.writeZeroes, 10 * 512, 512),
        ]
        #expect(store.calls.allSatisfy { $0.kind == .flush })
        _ = try devices.registry.resume(.name(ByteString("l")))
        for request in requests { try request.get() }
        #expect(
            (0..<16).map { store.contents[$0 * 512] }
                == [2, 0, 3, 2, 2, 2, 2, 2, 1, 1, 0, 1, 1, 1, 1, 1])
        handle.close()
        try devices.shutDown()
    }

    @Test("nothing of a read-only device below is discarded")
    func readOnly() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 16)
        try devices.create("l", "0 16 linear a 0", readOnly: true)
        try devices.create("u", "0 16 linear l 0", readOnly: false)
        let handle = try devices.open("u")
        for operation in RangeTests.operations {
            expectErrno(.ioError) { () throws(DMError) in
                try handle.beginRange(operation, 0, 512).get()
            }
        }
        handle.close()
        try devices.shutDown()
    }

    /// tmpfs makes holes, and has no way to zero a range but writing.
    @Test(
        "a file has a hole after a discard, and zeros after both",
        arguments: ["/tmp", "/dev/shm"])
    func files(parent: String) throws {
        let directory = try TemporaryDirectory(in: parent)
        let path = "\(directory.path)/f"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        let store = FileStore(FileDescriptor(rawValue: descriptor), isBlockDevice: false)
        defer { store.close() }
        let size = 3 << 20
        let ones = [UInt8](repeating: 1, count: size)
        try #require(pwrite(descriptor, ones, size, 0) == size)
        #expect(store.discard(from: 4096, count: 1 << 20) == nil)
        var status = stat()
        try #require(fstat(descriptor, &status) == 0)
        #expect(status.st_size == size)
        #expect(status.st_blocks * 512 < size)
        #expect(store.writeZeroes(from: 1 << 20 + 512, count: (1 << 20) + 512) == nil)
        var expected = ones
        // Both together, without a gap.
        let zeros = 4096..<(2 << 20) + 1024
        expected.replaceSubrange(zeros, with: repeatElement(0, count: zeros.count))
        var found = [UInt8](repeating: 7, count: size)
        try #require(pread(descriptor, &found, size, 0) == size)
        #expect(found == expected)
        // The file ends before: it stands for no longer device, and doesn't become one.
        #expect(store.discard(from: UInt64(size) - 512, count: 1024) == .ioError)
        #expect(store.writeZeroes(from: UInt64(size), count: 512) == .ioError)
        #expect(store.writeZeroes(from: UInt64.max - 100, count: 512) == .ioError)
        #expect(store.size == UInt64(size))
    }
}
