import DeviceMapper
import Testing

@testable import DMControl

@Suite struct HeadTests {
    /// What Linux 6.1 wrote for the creation of "one" with uuid "U1" and some flags of the
    /// client's.
    private static let created: [UInt8] = padded(
        padded(
            hex(
                """
                04 00 00 00 2f 00 00 00 00 00 00 00 31 01 00 00 38 01 00 00 00 00 00 00
                00 00 00 00 04 00 02 80 00 00 00 00 00 00 00 00 00 fe 00 00 00 00 00 00
                6f 6e 65
                """), to: 176) + hex("55 31"), to: 305)

    @Test("a head is read field by field where the kernel has them")
    func reads() {
        let head = DMIoctl(reading: HeadTests.created)
        #expect(head.version == InterfaceVersion(4, 47, 0))
        #expect(head.dataSize == 305)
        #expect(head.dataStart == 312)
        #expect(head.targetCount == 0)
        #expect(head.openCount == 0)
        #expect(head.flags.rawValue == 0x8002_0004)
        #expect(head.eventNumber == 0)
        #expect(DeviceNumber(encoded: head.device) == DeviceNumber(major: 254, minor: 0))
        #expect(head.name == ByteString("one"))
        #expect(head.uuid == ByteString("U1"))
    }

    @Test("writing a head that was read gives the same bytes")
    func roundTrip() {
        var bytes = [UInt8](repeating: 0, count: 305)
        DMIoctl(reading: HeadTests.created).write(into: &bytes)
        #expect(bytes == HeadTests.created)
    }

    @Test("every field has its own place")
    func distinctFields() {
        var head = DMIoctl()
        head.version = InterfaceVersion(1, 2, 3)
        head.dataSize = 0x0404_0404
        head.dataStart = 5
        head.targetCount = 6
        head.openCount = -7
        head.flags = DMFlags(rawValue: 0xffff_fff8)
        head.eventNumber = 9
        head.padding = 10
        head.device = 0x0b0b_0b0b_0b0b_0b0b
        head.name = ByteString(String(repeating: "n", count: 127))
        head.uuid = ByteString(String(repeating: "u", count: 128))
        var bytes = [UInt8](repeating: 0xff, count: 312)
        head.write(into: &bytes)
        #expect(DMIoctl(reading: bytes) == head)
        #expect(Array(bytes[24..<28]) == [0xf9, 0xff, 0xff, 0xff])
        #expect(bytes[175] == 0 && bytes[304] == 0)
        #expect(bytes[305...].allSatisfy { $0 == 0xff })
    }

    @Test("a name without a NUL takes all its field, and a longer one is cut when written")
    func unterminated() {
        let bytes = [UInt8](repeating: 0x6e, count: 312)
        let head = DMIoctl(reading: bytes)
        #expect(head.name.count == 128)
        #expect(head.uuid.count == 129)
        var written = [UInt8](repeating: 0xff, count: 312)
        head.write(into: &written)
        #expect(DMIoctl(reading: written).name.count == 127)
        #expect(DMIoctl(reading: written).uuid.count == 128)
    }

    @Test("what stands behind the NUL of a name stays")
    func keepsRest() {
        var bytes = [UInt8](repeating: 0xaa, count: 312)
        var head = DMIoctl()
        head.name = ByteString("ab")
        head.write(into: &bytes)
        #expect(Array(bytes[48..<53]) == [0x61, 0x62, 0, 0xaa, 0xaa])
    }

    @Test("ioctl numbers are the kernel's", arguments: zip(DMCommand.allCases, UInt32(0)..<18))
    func numbers(command: DMCommand, number: UInt32) {
        #expect(CommandNumber(command).rawValue == 0xc138_fd00 | number)
        // Direction and size are the client's business.
        #expect(CommandNumber(rawValue: 0xfd00 | number).command == command)
        #expect(CommandNumber(rawValue: 0xfc00 | number).command == nil)
        #expect(CommandNumber(rawValue: 0xfd00 | number).ownCommand == nil)
    }
}
