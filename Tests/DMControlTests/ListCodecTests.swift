import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// Records of lists, in the bytes that Linux 6.1 wrote.
@Suite struct ListCodecTests {
    private static let head = [UInt8](repeating: 0, count: DMIoctl.size)

    private static let devices = [
        NameListEntry(
            number: DeviceNumber(major: 254, minor: 0), name: ByteString("one"), eventNumber: 0,
            uuid: ByteString("U1")),
        NameListEntry(
            number: DeviceNumber(major: 254, minor: 1), name: ByteString("zz"), eventNumber: 0),
    ]

    private static let withUUIDs = hex(
        """
        00 fe 00 00 00 00 00 00 20 00 00 00 6f 6e 65 00 00 00 00 00 01 00 00 00
        55 31 00 00 00 00 00 00
        01 fe 00 00 00 00 00 00 00 00 00 00 7a 7a 00 00 00 00 00 00 02 00 00 00
        """)

    private static let withoutUUIDs = hex(
        """
        00 fe 00 00 00 00 00 00 18 00 00 00 6f 6e 65 00 00 00 00 00 00 00 00 00
        01 fe 00 00 00 00 00 00 00 00 00 00 7a 7a 00 00 00 00 00 00 00 00 00 00
        """)

    private func encode(_ entries: [NameListEntry], withUUID: Bool) -> [UInt8] {
        let sizes = entries.map { $0.size(withUUID: withUUID) }
        var bytes = [UInt8](repeating: 0, count: sizes.reduce(0, +))
        var position = 0
        for (index, entry) in entries.enumerated() {
            entry.write(
                into: &bytes, at: position, withUUID: withUUID, isLast: index == entries.count - 1)
            position += sizes[index]
        }
        return bytes
    }

    @Test("devices are listed in the kernel's bytes")
    func devices() {
        #expect(encode(ListCodecTests.devices, withUUID: true) == ListCodecTests.withUUIDs)
        #expect(encode(ListCodecTests.devices, withUUID: false) == ListCodecTests.withoutUUIDs)
    }

    @Test("a list of devices is read, with and without uuids")
    func readDevices() throws {
        let entries = try NameListEntry.decode(
            ListCodecTests.head + ListCodecTests.withUUIDs, dataStart: 312)
        #expect(entries == ListCodecTests.devices)
        let bare = try NameListEntry.decode(
            ListCodecTests.head + ListCodecTests.withoutUUIDs, dataStart: 312)
        #expect(bare.map(\.name) == ListCodecTests.devices.map(\.name))
        #expect(bare.allSatisfy { $0.uuid.isEmpty })
    }

    @Test("an empty list has no record, or one of zeros")
    func empty() throws {
        #expect(try NameListEntry.decode(ListCodecTests.head, dataStart: 312) == [])
        let zeros = [UInt8](repeating: 0, count: 24)
        #expect(try NameListEntry.decode(ListCodecTests.head + zeros, dataStart: 312) == [])
    }

    @Test("lists cut anywhere are EPROTO or shorter, never more than what is there")
    func truncated() {
        for size in 1..<ListCodecTests.withUUIDs.count {
            let bytes = ListCodecTests.head + ListCodecTests.withUUIDs[..<size]
            #expect(throws: DMError.self, "cut at \(size)") {
                try NameListEntry.decode(bytes, dataStart: 312)
            }
        }
    }

    @Test("names and uuids of all lengths come back", arguments: 1..<40)
    func roundTrip(length: Int) throws {
        let entries = [length, 40 - length].map {
            NameListEntry(
                number: DeviceNumber(major: 254, minor: 0xabcde),
                name: ByteString(String(repeating: "n", count: $0)), eventNumber: 77,
                uuid: ByteString(String(repeating: "u", count: 2 * $0)))
        }
        let bytes = encode(entries, withUUID: true)
        #expect(try NameListEntry.decode(ListCodecTests.head + bytes, dataStart: 312) == entries)
    }

    @Test("target versions are written and read in the kernel's bytes")
    func versions() throws {
        let entries = [
            TargetVersionEntry(name: ByteString("striped"), version: InterfaceVersion(1, 6, 0)),
            TargetVersionEntry(name: ByteString("linear"), version: InterfaceVersion(1, 4, 0)),
        ]
        var bytes = [UInt8](repeating: 0xaa, count: entries.reduce(0) { $0 + $1.neededSize })
        #expect(bytes.count == 61)
        let second = entries[0].write(into: &bytes, at: 0, isLast: false)
        _ = entries[1].write(into: &bytes, at: second, isLast: true)
        #expect(
            Array(bytes[..<48])
                == hex(
                    """
                    18 00 00 00 01 00 00 00 06 00 00 00 00 00 00 00 73 74 72 69 70 65 64 00
                    00 00 00 00 01 00 00 00 04 00 00 00 00 00 00 00 6c 69 6e 65 61 72 00 aa
                    """))
        #expect(
            try TargetVersionEntry.decode(ListCodecTests.head + bytes, dataStart: 312) == entries)
    }

    @Test("dependencies are written and read in the kernel's bytes")
    func dependencies() throws {
        let devices = [DeviceNumber(major: 7, minor: 0), DeviceNumber(major: 254, minor: 300)]
        var bytes = [UInt8](repeating: 0xaa, count: Dependencies.size(count: 2))
        Dependencies.write(devices, into: &bytes, at: 0)
        #expect(
            bytes == hex("02 00 00 00 aa aa aa aa 00 07 00 00 00 00 00 00 2c fe 10 00 00 00 00 00"))
        #expect(try Dependencies.decode(ListCodecTests.head + bytes, dataStart: 312) == devices)
        #expect(try Dependencies.decode(ListCodecTests.head, dataStart: 312) == nil)
        #expect(throws: DMError.self) {
            try Dependencies.decode(ListCodecTests.head + bytes.dropLast(), dataStart: 312)
        }
    }
}
