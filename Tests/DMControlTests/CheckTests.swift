import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// The checks that come before any command, in the kernel's order. Errnos and words are Linux
/// 6.1's.
@Suite struct CheckTests {
    private let fixture = ExecutorFixture()
    private static let version = hex("04 00 00 00 2f 00 00 00 00 00 00 00")

    private func status(_ change: (inout [UInt8]) -> Void) -> ControlReply {
        var bytes = argument("none")
        change(&bytes)
        return fixture.execute(.deviceStatus, bytes)
    }

    @Test("another type byte is ENOTTY, and nothing is written back")
    func type() {
        let reply = fixture.execute(CommandNumber(rawValue: 0xc138_fc03), argument("x"))
        #expect(reply.errno == .inappropriateIOCTLForDevice)
        #expect(reply.bytes.isEmpty)
    }

    @Test("only type and number of an ioctl count")
    func directionIgnored() throws {
        try fixture.run(.deviceCreate, "one")
        let reply = fixture.execute(CommandNumber(rawValue: 0xfd07), argument("one"))
        #expect(reply.errno == nil)
    }

    @Test("VERSION looks at the version only, and writes ours")
    func versionCommand() {
        for size in [12, 13, 305] {
            let reply = fixture.execute(.version, Array(argument()[..<size]))
            #expect(reply.errno == nil)
            #expect(reply.bytes == CheckTests.version)
        }
    }

    @Test(
        "a client of another major version or a newer minor one is EINVAL, our version is written",
        arguments: [(3, 0), (5, 0), (4, 48), (0, 0), (4, UInt32.max)] as [(UInt32, UInt32)])
    func versionMismatch(major: UInt32, minor: UInt32) {
        let reply = status {
            $0.set(major, at: 0)
            $0.set(minor, at: 4)
        }
        #expect(reply.errno == .invalidArgument)
        #expect(reply.bytes == CheckTests.version)
        #expect(
            reply.reason
                == "ioctl interface mismatch: kernel(4.47.0), user(\(major).\(minor).0), cmd(7)")
    }

    @Test("the version is checked before the command, the command before the size")
    func order() {
        var bytes = argument(size: 312)
        bytes.set(UInt32(0), at: 12)
        let unknown = CommandNumber(rawValue: 0xc138_fd12)
        let reply = fixture.execute(unknown, bytes)
        #expect(reply.errno == .inappropriateIOCTLForDevice)
        #expect(reply.bytes == CheckTests.version)
        #expect(reply.reason == "dm_ctl_ioctl: unknown command 0xc138fd12")
        bytes.set(UInt32(5), at: 0)
        #expect(fixture.execute(unknown, bytes).errno == .invalidArgument)
    }

    @Test(
        "a size below 305 or above 1 GiB is EINVAL",
        arguments: [0, 11, 304, 0x4000_0001, UInt32.max] as [UInt32])
    func size(size: UInt32) {
        let reply = status { $0.set(size, at: 12) }
        #expect(reply.errno == .invalidArgument)
        #expect(reply.reason == "Invalid data size in the ioctl structure: \(size)")
        #expect(reply.bytes == CheckTests.version)
    }

    @Test("a command without data takes 305 bytes, whatever the size claims")
    func noParams() throws {
        try fixture.run(.deviceCreate, "one")
        var bytes = argument("one", size: 305)
        bytes.set(UInt32(0x4000_0000), at: 12)
        let reply = fixture.execute(.deviceStatus, bytes)
        #expect(reply.errno == nil)
        #expect(reply.bytes.count == 305 && reply.head.dataSize == 305)
    }

    @Test("a command with data is EINVAL if less arrived than the size claims")
    func sizeLies() throws {
        try fixture.run(.deviceCreate, "one")
        var bytes = argument("one", size: 400)
        bytes.set(UInt32(401), at: 12)
        #expect(fixture.execute(.tableStatus, bytes).errno == .invalidArgument)
        bytes.set(UInt32(399), at: 12)
        #expect(fixture.execute(.tableStatus, bytes).errno == nil)
    }

    @Test("an argument cut anywhere is refused and traps nothing")
    func truncated() {
        for command in DMCommand.allCases {
            for size in [0, 1, 11, 12, 15, 16, 304, 305, 311, 312, 319, 320] {
                let bytes = Array(argument("x", size: max(size, 305))[..<size])
                _ = fixture.execute(command, bytes)
            }
        }
    }

    @Test("name and uuid together are EINVAL, but for CREATE and what ignores names")
    func nameAndUUID() {
        let both = argument("a", uuid: "b")
        for command in DMCommand.allCases where command != .version {
            switch command {
            case .removeAll, .listDevices, .listVersions: break
            case .deviceCreate: #expect(fixture.execute(command, both).errno == nil)
            default:
                let reply = fixture.execute(command, both)
                #expect(reply.errno == .invalidArgument)
                #expect(
                    reply.reason == "only supply one of name or uuid, cmd(\(command.rawValue))")
            }
        }
    }

    @Test("a name or a uuid with a number, and neither, are ENXIO")
    func lookup() throws {
        try fixture.run(.deviceCreate, "one")
        for bytes in [argument("one", device: 1), argument(uuid: "u", device: 1), argument()] {
            #expect(fixture.execute(.deviceStatus, bytes).errno == .noSuchAddressOrDevice)
        }
        #expect(
            fixture.execute(.deviceStatus, argument("one", device: 0x709)).reason
                == "Invalid ioctl structure: name one, dev 709")
    }

    @Test("flags that are only for replies are cleared, unknown ones and libdevmapper's come back")
    func flags() throws {
        let sent = DMFlags(rawValue: 0x8000_0004).union([
            .bufferFull, .ueventGenerated, .dataOut, .deferredRemove, .inactivePresent, .suspend,
        ])
        let reply = try fixture.run(.deviceCreate, "one", flags: sent)
        #expect(reply.head.flags.rawValue == 0x8002_0004)
    }

    @Test("what fails writes our version back and nothing else")
    func onlyOnSuccess() {
        let reply = fixture.execute(.deviceStatus, argument("none"))
        #expect(reply.errno == .noSuchAddressOrDevice)
        #expect(reply.bytes == CheckTests.version)
    }

    @Test(
        "with DM_SECURE_DATA all of the client's buffer is overwritten, on success behind the reply"
    )
    func secure() throws {
        try fixture.run(.deviceCreate, "one")
        let secret = [UInt8](repeating: 0xaa, count: 64)
        let failed = fixture.execute(
            .tableStatus, argument("none", flags: .secureData, size: 400, data: secret))
        #expect(failed.errno == .noSuchAddressOrDevice)
        #expect(failed.bytes == [UInt8](repeating: 0, count: 400))

        let done = fixture.execute(
            .tableStatus, argument("one", flags: .secureData, size: 400, data: secret))
        #expect(done.errno == nil)
        #expect(done.bytes.count == 400 && done.bytes[305...].allSatisfy { $0 == 0 })
        #expect(!done.head.flags.contains(.secureData))

        let short = fixture.execute(.deviceStatus, argument("one", flags: .secureData))
        #expect(short.bytes.count == 305 && short.head.name == ByteString("one"))
    }

    @Test("random heads never trap", arguments: 0..<300)
    func random(seed: Int) {
        var state = UInt64(seed &* 104_729 &+ 3)
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 24
        }
        _ = fixture.execute(.deviceCreate, argument("one"))
        for command in DMCommand.allCases where command != .deviceWait {
            var bytes = argument("one", size: 312 + Int(next() % 64))
            for offset in stride(from: 16, to: 48, by: 4) where next() % 3 == 0 {
                bytes.set(UInt32(truncatingIfNeeded: next()), at: offset)
            }
            for _ in 0..<(next() % 8) {
                bytes[Int(next()) % bytes.count] = UInt8(truncatingIfNeeded: next())
            }
            bytes.set(UInt32(bytes.count), at: 12)
            bytes.set(UInt64(4), at: 0)
            _ = fixture.execute(command, bytes)
        }
    }
}
