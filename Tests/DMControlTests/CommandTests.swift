import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

/// The commands, by the bytes of their replies. Where bytes stand here Linux 6.1 wrote them.
@Suite struct CommandTests {
    private let fixture = ExecutorFixture()

    private func refusal(
        _ command: DMCommand, _ name: String, flags: DMFlags = [], size: Int = 16384,
        data: [UInt8] = [], targetCount: UInt32 = 0, device: UInt64 = 0
    ) -> ControlReply {
        fixture.execute(
            command,
            argument(
                name, flags: flags, size: size, targetCount: targetCount, device: device, data: data
            ))
    }

    // MARK: Devices

    @Test("a new device is not suspended, has no table, and reports its number")
    func create() {
        let reply = fixture.execute(
            .deviceCreate,
            argument("one", uuid: "U1", flags: DMFlags(rawValue: 0x8003_0044)))
        #expect(
            reply.bytes
                == padded(
                    padded(
                        hex(
                            """
                            04 00 00 00 2f 00 00 00 00 00 00 00 31 01 00 00 38 01 00 00 00 00 00 00
                            00 00 00 00 04 00 02 80 00 00 00 00 00 00 00 00 00 fe 00 00 00 00 00 00
                            6f 6e 65
                            """), to: 176) + hex("55 31"), to: 305))
    }

    @Test("a name that is taken is EBUSY, so is a uuid")
    func createTwice() throws {
        try fixture.run(.deviceCreate, "one")
        #expect(refusal(.deviceCreate, "one").errno == .resourceBusy)
        #expect(fixture.execute(.deviceCreate, argument("a", uuid: "U")).errno == nil)
        #expect(fixture.execute(.deviceCreate, argument("b", uuid: "U")).errno == .resourceBusy)
    }

    @Test("no name, or one that is no file's name, is EINVAL")
    func createBadName() {
        #expect(refusal(.deviceCreate, "").reason == "name not supplied when creating device")
        for name in ["", "a/b", "/", "control", ".", ".."] {
            #expect(refusal(.deviceCreate, name).errno == .invalidArgument, "\(name)")
        }
    }

    @Test("a name without a NUL is cut at 127 bytes, not refused")
    func createLongName() throws {
        var bytes = argument()
        for offset in 48..<176 { bytes[offset] = 0x6e }
        let reply = fixture.execute(.deviceCreate, bytes)
        #expect(reply.errno == nil)
        #expect(reply.head.name.count == 127)
        try fixture.run(.deviceStatus, String(repeating: "n", count: 127))
    }

    @Test("PERSISTENT_DEV takes the minor from dev, a bad one or one in use is ENXIO")
    func createMinor() {
        func create(_ name: String, _ device: UInt64) -> ControlReply {
            refusal(.deviceCreate, name, flags: .persistentDevice, device: device)
        }
        // Whatever the major.
        let reply = create("min", 0x709)
        #expect(reply.errno == nil && reply.head.device == 0xfe09)
        #expect(create("two", 0xfe09).errno == .noSuchAddressOrDevice)
        #expect(create("big", 0x1_0000_fe00).errno == .noSuchAddressOrDevice)
        #expect(create("last", 0xffff_feff).errno == nil)
    }

    @Test("a removal reports the name, no state, and leaves the cookie")
    func remove() throws {
        try fixture.run(.deviceCreate, "min")
        var bytes = argument("min", flags: .deferredRemove)
        bytes.set(UInt32(0x1234567), at: 32)
        let reply = fixture.execute(.deviceRemove, bytes)
        #expect(
            reply.bytes
                == padded(
                    hex(
                        """
                        04 00 00 00 2f 00 00 00 00 00 00 00 31 01 00 00 38 01 00 00 00 00 00 00
                        00 00 00 00 00 00 00 00 67 45 23 01 00 00 00 00 00 00 00 00 00 00 00 00
                        6d 69 6e
                        """), to: 305))
        #expect(refusal(.deviceRemove, "min").errno == .noSuchAddressOrDevice)
    }

    @Test("an open device is EBUSY, or deferred with the flag left set")
    func removeOpen() throws {
        let created = try fixture.run(.deviceCreate, "one").head
        let minor = DeviceNumber(encoded: created.device).minor
        let disk = try #require(fixture.registry.disk(minor: minor))
        let handle = try fixture.registry.open(minor: minor, generation: disk.generation)
        #expect(refusal(.deviceRemove, "one").errno == .resourceBusy)
        let reply = try fixture.run(.deviceRemove, "one", flags: .deferredRemove)
        #expect(reply.head.flags == .deferredRemove)
        let status = try fixture.run(.deviceStatus, "one").head
        #expect(status.flags == .deferredRemove && status.openCount == 1)
        handle.close()
        eventually("the device goes") {
            refusal(.deviceStatus, "one").errno == .noSuchAddressOrDevice
        }
    }

    @Test("REMOVE_ALL ignores names and writes nothing back")
    func removeAll() throws {
        try fixture.run(.deviceCreate, "one")
        let reply = fixture.execute(.removeAll, argument("x", uuid: "y", flags: .deferredRemove))
        #expect(reply.errno == nil)
        #expect(reply.bytes.count == 12)
        #expect(refusal(.deviceStatus, "one").errno == .noSuchAddressOrDevice)
    }

    @Test("a rename reports the state and the name that was, and raises the event number")
    func rename() throws {
        try fixture.run(.deviceCreate, "one")
        try fixture.load("one", [spec(0, 8, "zero"), spec(8, 8, "error"), spec(16, 8, "zero")])
        try fixture.run(.deviceSuspend, "one")
        let reply = try fixture.run(
            .deviceRename, "one", flags: .inactivePresent, data: Array("two".utf8) + [0])
        #expect(
            reply.bytes
                == padded(
                    hex(
                        """
                        04 00 00 00 2f 00 00 00 00 00 00 00 31 01 00 00 38 01 00 00 03 00 00 00
                        00 00 00 00 60 00 00 00 01 00 00 00 00 00 00 00 00 fe 00 00 00 00 00 00
                        6f 6e 65
                        """), to: 305))
        try fixture.run(.deviceStatus, "two")
    }

    @Test("the new name may begin at byte 305 and must end within the argument")
    func renameBounds() throws {
        try fixture.run(.deviceCreate, "one")
        func rename(start: UInt32, size: Int) -> Errno? {
            var bytes = argument("one", size: max(size, 320))
            bytes.replaceSubrange(304..<316, with: Array("abcdefghijk".utf8) + [0])
            bytes.set(start, at: 16)
            bytes = Array(bytes[..<size])
            bytes.set(UInt32(size), at: 12)
            return fixture.execute(.deviceRename, bytes).errno
        }
        #expect(rename(start: 304, size: 400) == .invalidArgument)
        #expect(rename(start: 315, size: 400) == .invalidArgument)
        #expect(rename(start: 312, size: 312) == .invalidArgument)
        #expect(rename(start: 312, size: 315) == .invalidArgument)
        #expect(rename(start: 400, size: 400) == .invalidArgument)
        #expect(rename(start: .max - 15, size: 400) == .invalidArgument)
        #expect(rename(start: 305, size: 316) == nil)
        try fixture.run(.deviceStatus, "bcdefghijk")
    }

    @Test("a rename by uuid finds nothing, since it looks names up; one to a name in use is EBUSY")
    func renameErrors() throws {
        #expect(fixture.execute(.deviceCreate, argument("one", uuid: "U1")).errno == nil)
        let byUUID = argument(uuid: "U1", data: Array("x".utf8))
        #expect(fixture.execute(.deviceRename, byUUID).errno == .noSuchAddressOrDevice)
        let same = refusal(.deviceRename, "one", data: Array("one".utf8))
        #expect(same.errno == .resourceBusy)
        #expect(
            same.reason
                == "Unable to change name on mapped device one to one that already exists: one")
        let long = [UInt8](repeating: 0x6e, count: 128)
        #expect(refusal(.deviceRename, "one", data: long).errno == .invalidArgument)
        #expect(refusal(.deviceRename, "one", data: Array("a/b".utf8)).errno == .invalidArgument)
    }

    @Test("a uuid can be set once")
    func setUUID() throws {
        try fixture.run(.deviceCreate, "one")
        let uuid = [UInt8](repeating: 0x75, count: 128)
        try fixture.run(.deviceRename, "one", flags: .uuid, data: uuid)
        #expect(try fixture.run(.deviceStatus, "one").head.uuid == ByteString(uuid))
        #expect(
            refusal(.deviceRename, "one", flags: .uuid, data: Array("V".utf8)).errno
                == .invalidArgument)
    }

    @Test(
        "suspend and resume by one command, suspending twice succeeds, no table to resume is EINVAL"
    )
    func suspend() throws {
        try fixture.run(.deviceCreate, "one")
        for _ in 0..<2 {
            #expect(
                try fixture.run(.deviceSuspend, "one", flags: .suspend).head.flags == .suspend)
        }
        #expect(refusal(.deviceSuspend, "one").errno == .invalidArgument)
        try fixture.load("one", [spec(0, 8, "zero")])
        let reply = try fixture.run(.deviceSuspend, "one")
        // No uevent is claimed: the library then completes its cookie itself.
        #expect(reply.head.flags == .activePresent)
        #expect(reply.head.targetCount == 1)
    }

    // MARK: Lists

    @Test("devices are listed by name in byte order, in the kernel's bytes")
    func list() throws {
        try fixture.run(.deviceCreate, "zz")
        #expect(fixture.execute(.deviceCreate, argument("one", uuid: "U1")).errno == nil)
        let reply = try fixture.run(.listDevices, "", flags: .uuid)
        #expect(reply.head.dataStart == 312 && reply.head.dataSize == 368)
        #expect(
            reply.payload
                == hex(
                    """
                    01 fe 00 00 00 00 00 00 20 00 00 00 6f 6e 65 00 00 00 00 00 01 00 00 00
                    55 31 00 00 00 00 00 00
                    00 fe 00 00 00 00 00 00 00 00 00 00 7a 7a 00 00 00 00 00 00 02 00 00 00
                    """))
        #expect(try fixture.run(.listDevices, "").head.dataSize == 360)
    }

    @Test("name and uuid of a list request are prefixes")
    func listPrefix() throws {
        for name in ["aa", "ab", "b"] { try fixture.run(.deviceCreate, name) }
        #expect(fixture.execute(.deviceCreate, argument("ac", uuid: "LVM-1")).errno == nil)
        func names(_ name: String, _ uuid: String) throws -> [ByteString] {
            let reply = fixture.execute(.listDevices, argument(name, uuid: uuid))
            return try NameListEntry.decode(reply.bytes, dataStart: 312).map(\.name)
        }
        #expect(try names("a", "") == ["aa", "ab", "ac"].map { ByteString($0) })
        #expect(try names("", "LVM-") == [ByteString("ac")])
        #expect(try names("b", "LVM-") == [])
    }

    @Test("an empty list has no payload, and its buffer must still have room for a number")
    func listEmpty() throws {
        let reply = try fixture.run(.listDevices, "")
        #expect(reply.bytes.count == 312 && reply.head.dataSize == 312)
        #expect(try fixture.run(.listDevices, "", size: 320).head.flags == [])
        #expect(try fixture.run(.listDevices, "", size: 319).head.flags == .bufferFull)
    }

    @Test("a buffer too small for the list is BUFFER_FULL with nothing in it")
    func listFull() throws {
        try fixture.run(.deviceCreate, "one")
        #expect(try fixture.run(.listDevices, "", size: 336).head.flags == [])
        let full = try fixture.run(.listDevices, "", size: 335)
        #expect(full.head.flags == .bufferFull && full.bytes.count == 305)
        #expect(full.head.dataStart == 312)
        #expect(try fixture.run(.listDevices, "", size: 305).head.dataStart == 305)
    }

    @Test("target versions are listed newest first, with the room that the kernel counts")
    func versions() throws {
        let reply = fixture.execute(
            .listVersions,
            argument(data: [UInt8](repeating: 0xaa, count: 16384 - DMIoctl.size)))
        #expect(reply.head.dataSize == 459)
        #expect(
            reply.payload
                == hex(
                    """
                    18 00 00 00 01 00 00 00 03 00 00 00 00 00 00 00 64 65 6c 61 79 00 aa aa
                    18 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00 7a 65 72 6f 00 aa aa aa
                    18 00 00 00 01 00 00 00 06 00 00 00 00 00 00 00 73 74 72 69 70 65 64 00
                    18 00 00 00 01 00 00 00 04 00 00 00 00 00 00 00 6c 69 6e 65 61 72 00 aa
                    00 00 00 00 01 00 00 00 05 00 00 00 00 00 00 00 65 72 72 6f 72 00 aa aa
                    """) + [UInt8](repeating: 0xaa, count: 27))
        #expect(try fixture.run(.listVersions, "", size: 459).head.flags == [])
        #expect(try fixture.run(.listVersions, "", size: 458).head.flags == .bufferFull)
    }

    @Test("one target's version, and EINVAL for a target that isn't there")
    func targetVersion() throws {
        let reply = try fixture.run(.getTargetVersion, "linear")
        #expect(reply.head.dataSize == 342)
        #expect(
            reply.payload
                == padded(
                    hex("00 00 00 00 01 00 00 00 04 00 00 00 00 00 00 00 6c 69 6e 65 61 72"), to: 30
                ))
        #expect(refusal(.getTargetVersion, "nosuch").errno == .invalidArgument)
        #expect(refusal(.getTargetVersion, "").errno == .invalidArgument)
    }

    // MARK: The rest

    @Test("a geometry is four numbers within limits, and writes nothing back")
    func geometry() throws {
        try fixture.run(.deviceCreate, "one")
        func set(_ text: String) -> ControlReply {
            refusal(.deviceSetGeometry, "one", data: Array(text.utf8) + [0])
        }
        for good in ["1 2 3 4", " 1  2\t3 4", "0 0 0 0", "18446744073709551617 2 3 4"] {
            #expect(set(good).errno == nil, "\(good)")
            #expect(set(good).bytes.count == 12)
        }
        for bad in ["1 2 3 4 ", "+1 2 3 4", "1 2 3", "1-2 3 4", ""] {
            #expect(set(bad).reason == "Unable to interpret geometry settings.", "\(bad)")
        }
        #expect(set("1 2 3 7").reason == "Start sector is beyond the geometry limits.")
        for big in ["65536 2 3 4", "99999999999999999999999 2 3 4"] {
            #expect(set(big).reason == "Geometry exceeds range limits.")
        }
        #expect(refusal(.deviceSetGeometry, "none").errno == .noSuchAddressOrDevice)
    }

    @Test("ARM_POLL takes any name and returns its head")
    func armPoll() throws {
        let reply = try fixture.run(.deviceArmPoll, "whatever")
        #expect(reply.bytes.count == 305 && reply.head.name == ByteString("whatever"))
    }
}
