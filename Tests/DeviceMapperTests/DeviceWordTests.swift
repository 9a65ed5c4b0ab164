import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// How Linux 6.1 reads words that aren't paths.
@Suite struct DeviceWordTests {
    @Test(
        "MAJOR:MINOR is a number, each modulo 2^32",
        arguments: [
            ("7:1", 7, 1), ("007:001", 7, 1), ("4294967303:1", 7, 1), ("7:4294967297", 7, 1),
            (" 7: 1", 7, 1), ("4095:1048575", 4095, 1_048_575),
        ] as [(String, UInt32, UInt32)])
    func numbers(word: String, major: UInt32, minor: UInt32) throws {
        #expect(
            try DeviceWord.number(ByteString(word)) == DeviceNumber(major: major, minor: minor))
    }

    @Test("a number that no device can have is EOVERFLOW", arguments: ["4096:0", "7:1048576"])
    func overflow(word: String) {
        #expect(throws: DMError(.overflow)) { try DeviceWord.number(ByteString(word)) }
    }

    @Test(
        "what is no MAJOR:MINOR",
        arguments: [
            "", "7", "7:", ":1", "7:1:", "7:1:0", "7:1x", "7:1 ", "+7:1", "7:+1", "7:-1", "7 :1",
            "x:1",
        ])
    func noNumber(word: String) throws {
        #expect(try DeviceWord.number(ByteString(word)) == nil)
    }

    @Test(
        "what name_to_dev_t makes of other words",
        arguments: [
            ("7:1:0", 7, 1), ("7:1:0:", 7, 1), ("7:1:0x", 7, 1), ("7:1:99999999999", 7, 1),
            ("700", 7, 0), ("701", 7, 1), ("0701", 7, 1), ("0x701", 7, 1), ("0X701", 7, 1),
            ("70", 0, 112), ("7", 0, 7), ("100701", 7, 257), ("10000701", 7, 65537),
            ("70110", 0x701, 16), ("fe00", 254, 0), ("FE01", 254, 1),
            ("1000000000000701", 7, 1), ("/dev/nfs", 0, 255), ("/dev/cifs", 0, 254),
            ("/dev/ram", 1, 0),
        ] as [(String, UInt32, UInt32)])
    func others(word: String, major: UInt32, minor: UInt32) {
        #expect(
            DeviceWord.other(ByteString(word))
                == .number(DeviceNumber(major: major, minor: minor)))
    }

    @Test(
        "what means nothing",
        arguments: [
            "7:1:", "7:1:0:x", "7:1:-1", "7:1:x", "0", "0x", "00", ":1", "7:", "4096:0:0",
            "4103:1:0", "+7:1", "loop1", "70g", "700 ", "/dev/", "/dev/no such disk",
            "/dev/nosuch1", "/dev/nosuch1p1", "/dev/..", "/dev/.", "/dev/../block", "/dev/1",
            "/dev/dm-", "/dev/dm-07", "/dev/a-disk-with-a-name-that-is-longer-than-31-bytes",
            "PARTUUID=", "PARTUUID=no-such-partition", "PARTUUID=/PARTNROFF=1", "PARTLABEL=",
            "PARTLABEL=no such label", "PARTUUID=../../null",
        ])
    func nothing(word: String) {
        #expect(DeviceWord.other(ByteString(word)) == nil)
    }

    @Test("a NUL in a name means nothing")
    func withNUL() {
        let bytes = Array("/dev/loop0".utf8) + [0]
        #expect(DeviceWord.other(ByteString(bytes)) == nil)
    }

    @Test("/dev/dm-N is a mapped device")
    func mapped() {
        #expect(DeviceWord.other(ByteString("/dev/dm-7")) == .mapped(minor: 7))
        #expect(DeviceWord.other(ByteString("dm-7")) == nil)
    }

    /// As sysfs has a loop device with two partitions, a disk that numbers its own 16 minors, and one
    /// with a slash in its name.
    private static func sysfs(_ directory: TemporaryDirectory) throws -> Sysfs {
        let devices: [(path: String, files: [(String, String)])] = [
            ("loop6", [("dev", "7:6"), ("range", "1"), ("uevent", "DEVNAME=loop6")]),
            (
                "loop6/loop6p1",
                [
                    ("dev", "259:0"), ("partition", "1"),
                    ("uevent", "DEVNAME=loop6p1\nPARTNAME=a name\nPARTUUID=12345678-01"),
                ]
            ),
            (
                "loop6/loop6p2",
                [("dev", "259:1"), ("partition", "2"), ("uevent", "DEVNAME=loop6p2")]
            ),
            ("sdx", [("dev", "8:368"), ("range", "16"), ("uevent", "DEVNAME=sdx")]),
            ("cciss!c0d0", [("dev", "104:0"), ("range", "16"), ("uevent", "DEVNAME=cciss/c0d0")]),
        ]
        let root = directory.path
        for made in ["block", "class", "class/block", "links", "links/by-partuuid"] {
            #expect(mkdir("\(root)/\(made)", 0o700) == 0)
        }
        for (path, files) in devices {
            #expect(mkdir("\(root)/block/\(path)", 0o700) == 0)
            let name = path.split(separator: "/").last ?? ""
            #expect(symlink("../../block/\(path)", "\(root)/class/block/\(name)") == 0)
            for (file, text) in files {
                try directory.file(
                    "block/\(path)/\(file)", size: text.utf8.count + 1, Array("\(text)\n".utf8))
            }
        }
        #expect(symlink("../../loop6p2", "\(root)/links/by-partuuid/12345678-02") == 0)
        return Sysfs(root: root, links: "\(root)/links")
    }

    @Test(
        "disks and partitions by the names that sysfs has",
        arguments: [
            ("/dev/loop6", 7, 6), ("/dev/loop6p1", 259, 0), ("/dev/loop6p2", 259, 1),
            ("/dev/loop6p3", nil, 0), ("/dev/loop61", nil, 0), ("/dev/loop6p01", nil, 0),
            ("/dev//loop6", nil, 0), ("/dev/LOOP6", nil, 0), ("/dev/sdx", 8, 368),
            ("/dev/sdx1", 8, 369), ("/dev/sdx15", 8, 383), ("/dev/sdx16", nil, 0),
            ("/dev/sdxp1", nil, 0), ("/dev/cciss/c0d0", 104, 0), ("/dev/cciss/c0d0p2", 104, 2),
            ("PARTUUID=12345678-01", 259, 0), ("PARTUUID=12345678", 259, 0),
            ("PARTUUID=12345678-02", 259, 1), ("PARTUUID=12345678-03", nil, 0),
            ("PARTUUID=12345678-1", nil, 0), ("PARTUUID=12345678-01/PARTNROFF=0", 259, 0),
            ("PARTUUID=12345678-01/PARTNROFF=1", 259, 1),
            ("PARTUUID=12345678-01/PARTNROFF=-1", 7, 6),
            ("PARTUUID=12345678-01/PARTNROFF=-2", nil, 0),
            ("PARTUUID=12345678-01/PARTNROFF=2", nil, 0), ("PARTUUID=12345678-01/x", nil, 0),
            ("PARTUUID=12345678-01/PARTNROFF=1x", nil, 0), ("PARTLABEL=a name", 259, 0),
            ("PARTLABEL=a", nil, 0), ("PARTLABEL=A NAME", nil, 0),
        ] as [(String, UInt32?, UInt32)])
    func sysfsNames(word: String, major: UInt32?, minor: UInt32) throws {
        let directory = try TemporaryDirectory()
        let sysfs = try Self.sysfs(directory)
        let expected = major.map {
            DeviceWord.Meaning.number(DeviceNumber(major: $0, minor: minor))
        }
        #expect(DeviceWord.other(ByteString(word), in: sysfs) == expected)
    }
}
