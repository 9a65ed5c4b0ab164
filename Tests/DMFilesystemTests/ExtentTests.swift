import DeviceMapper
import SystemPackage
import Testing

@testable import DMFilesystem

/// A device of 8 sectors, 4096 bytes.
@Suite struct ExtentTests {
    private let size = Sectors(8)

    @Test(
        "a read stops at the end, and is empty at and after it",
        arguments: [
            (0, 4096, 4096), (4095, 1, 1), (4095, 4096, 1), (4096, 1, 0), (9000, 10, 0),
            (Int.max, Int.max, 0), (0, 0, 0),
        ])
    func reads(offset: Int, length: Int, expected: Int) throws {
        let extent = try Extent.toRead(offset: offset, length: length, of: size).get()
        #expect(extent.length == expected)
        #expect(extent.offset == UInt64(offset))
    }

    @Test(
        "a write that crosses the end is cut short",
        arguments: [(0, 4096, 4096), (4000, 4096, 96), (4095, 1, 1), (4096, 0, 0)])
    func writes(offset: Int, length: Int, expected: Int) throws {
        let extent = Extent.toWrite(offset: offset, length: length, of: size, readOnly: false)
        #expect(try extent.get().length == expected)
    }

    @Test("a write at or after the end is ENOSPC", arguments: [4096, 4097, Int.max])
    func writesPastTheEnd(offset: Int) {
        #expect(
            Extent.toWrite(offset: offset, length: 1, of: size, readOnly: false)
                == .failure(.noSpace))
    }

    @Test("a write to a read-only device is EPERM, wherever it is", arguments: [0, 4096])
    func readOnly(offset: Int) {
        #expect(
            Extent.toWrite(offset: offset, length: 1, of: size, readOnly: true)
                == .failure(.notPermitted))
    }

    @Test("a negative offset is EINVAL")
    func negative() {
        #expect(Extent.toRead(offset: -1, length: 1, of: size) == .failure(.invalidArgument))
        #expect(
            Extent.toWrite(offset: -1, length: 1, of: size, readOnly: false)
                == .failure(.invalidArgument))
    }

    private func change(
        _ offset: Int, _ length: Int, keepsSize: Bool = true, readOnly: Bool = false,
        blockSize: UInt32 = 512, isTaken: Bool = true
    ) -> Result<Extent, Errno> {
        Extent.toChange(
            offset: offset, length: length, keepsSize: keepsSize, of: size, readOnly: readOnly,
            blockSize: blockSize, isTaken: isTaken)
    }

    @Test(
        "a hole or zero range that crosses the end is cut short if the size is to be kept",
        arguments: [(0, 4096, 4096), (512, 512, 512), (3584, 4096, 512), (0, Int.max, 4096)])
    func changes(offset: Int, length: Int, expected: Int) throws {
        #expect(try change(offset, length).get().length == expected)
        let isWithin = length <= 4096 - offset
        #expect((try? change(offset, length, keepsSize: false).get()) != nil || !isWithin)
        if !isWithin {
            #expect(change(offset, length, keepsSize: false) == .failure(.invalidArgument))
        }
    }

    @Test(
        "a hole or zero range at or after the end, of no whole sectors, or of none is EINVAL",
        arguments: [
            (4096, 512), (Int.max, 512), (100, 512), (0, 100), (-512, 512), (0, 0), (0, -512),
        ])
    func refusedChanges(offset: Int, length: Int) {
        #expect(change(offset, length) == .failure(.invalidArgument))
        #expect(change(offset, length, readOnly: true) == .failure(.invalidArgument))
    }

    @Test("whole blocks are those of the device")
    func blocks() throws {
        #expect(change(512, 512, blockSize: 1024) == .failure(.invalidArgument))
        #expect(change(1024, 512, blockSize: 1024) == .failure(.invalidArgument))
        #expect(try change(1024, 2048, blockSize: 1024).get().length == 2048)
        for (offset, length, isAligned) in [(0, 4096, true), (0, 512, false), (512, 512, false)] {
            let extent = try Extent.toRead(offset: offset, length: length, of: Sectors(64)).get()
            #expect(extent.isAligned(to: 4096) == isAligned, "\(offset) \(length)")
            #expect(extent.isAligned(to: 512))
        }
    }

    @Test("what the device doesn't take is EOPNOTSUPP, but EINVAL comes before, EPERM after it")
    func notTaken() {
        #expect(change(0, 512, isTaken: false) == .failure(.notSupported))
        #expect(change(0, 100, isTaken: false) == .failure(.invalidArgument))
        #expect(change(0, 512, readOnly: true, isTaken: false) == .failure(.notSupported))
    }

    @Test("a hole or zero range of a read-only device is EPERM")
    func readOnlyChange() {
        #expect(change(0, 512, readOnly: true) == .failure(.notPermitted))
    }

    @Test("a device without a table is all end")
    func empty() throws {
        #expect(try Extent.toRead(offset: 0, length: 1, of: .zero).get().length == 0)
        #expect(
            Extent.toWrite(offset: 0, length: 1, of: .zero, readOnly: false)
                == .failure(.noSpace))
    }

    @Test("the longest device doesn't overflow")
    func longest() throws {
        let last = Int(Sectors.maximum.bytes) - 1
        #expect(try Extent.toRead(offset: last, length: 10, of: .maximum).get().length == 1)
    }
}
