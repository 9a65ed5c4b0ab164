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
