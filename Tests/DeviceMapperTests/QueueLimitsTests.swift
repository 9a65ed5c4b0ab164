import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// What Linux 6.1 answered, with loop devices 0, 1 and 4 of 512-byte blocks, 2 and 3 of 4096 and 5 of
/// 1024.
@Suite struct QueueLimitsTests {
    private let devices = MemoryDevices()

    init() {
        for (name, block) in [
            ("loop0", 512), ("loop1", 512), ("loop2", 4096), ("loop3", 4096), ("loop4", 512),
            ("loop5", 1024),
        ] as [(String, UInt32)] {
            let store = devices.addStore(name, sectors: 2048)
            store.limits.logicalBlockSize = block
            store.limits.physicalBlockSize = block
            store.limits.minimumIO = block
        }
    }

    private func limits(_ name: String) throws -> QueueLimits {
        try #require(try devices.registry.limits(.name(ByteString(name))).limits)
    }

    /// BLKSSZGET, BLKPBSZGET, BLKIOMIN, BLKIOOPT, BLKALIGNOFF.
    private func shown(_ name: String) throws -> [Int] {
        let limits = try limits(name)
        return [
            Int(limits.logicalBlockSize), Int(limits.physicalBlockSize), Int(limits.minimumIO),
            Int(limits.optimalIO), Int(limits.shownAlignmentOffset),
        ]
    }

    static let stacks: [(tables: [String], shown: [Int])] = [
        (["0 64 linear loop0 0"], [512, 512, 512, 0, 0]),
        (["0 64 linear loop0 3"], [512, 512, 512, 0, 0]),
        (["0 64 linear loop2 0"], [4096, 4096, 4096, 0, 0]),
        (["0 72 striped 3 8 loop0 0 loop1 0 loop4 0"], [512, 512, 4096, 12288, 0]),
        (["0 24 striped 3 1 loop0 0 loop1 0 loop4 0"], [512, 512, 512, 1536, 0]),
        (["0 18 striped 2 3 loop0 0 loop1 0"], [512, 512, 1536, 3072, 0]),
        (["0 32 striped 2 8 loop2 0 loop1 0"], [4096, 4096, 4096, 8192, 0]),
        (["0 16 striped 2 4 loop2 0 loop3 0"], [4096, 4096, 4096, 4096, 0]),
        (["0 64 striped 4 4 loop0 0 loop1 0 loop2 0 loop3 0"], [4096, 4096, 4096, 8192, 0]),
        (["0 64 zero"], [512, 512, 512, 0, 0]),
        (["0 64 error"], [512, 512, 512, 0, 0]),
        (["0 64 delay loop0 0 0 loop2 0 0"], [4096, 4096, 4096, 0, 0]),
        (["0 8 linear loop0 0\n8 8 linear loop2 0"], [4096, 4096, 4096, 0, 0]),
        (["0 8 linear loop5 0\n8 8 linear loop2 0"], [4096, 4096, 4096, 0, 0]),
        (["0 4 zero\n4 4 zero\n8 8 linear loop2 0"], [4096, 4096, 4096, 0, 0]),
        (
            ["0 4 linear loop0 1\n4 4 linear loop1 1\n8 8 linear loop2 0"],
            [4096, 4096, 4096, 0, 0]
        ),
        (
            [
                "0 2 linear loop5 0\n2 2 linear loop5 2\n4 4 linear loop0 0\n8 8 linear loop2 0"
            ], [4096, 4096, 4096, 0, 0]
        ),
        (
            ["0 72 striped 3 8 loop0 0 loop1 0 loop4 0", "0 64 linear d0 0"],
            [512, 512, 4096, 12288, 0]
        ),
        (
            ["0 72 striped 3 8 loop0 0 loop1 0 loop4 0", "0 64 linear d0 3"],
            [512, 512, 4096, 12288, 2560]
        ),
        (
            ["0 18 striped 2 3 loop0 0 loop1 0", "0 15 linear d0 3"],
            [512, 512, 1536, 3072, 0]
        ),
        (
            [
                "0 18 striped 2 3 loop0 0 loop1 0", "0 72 striped 3 8 loop0 0 loop1 0 loop4 0",
                "0 18 linear d0 0\n18 54 linear d1 18",
            ], [512, 512, 4096, 12288, -1]
        ),
        (
            ["0 18 striped 2 3 loop0 0 loop1 0", "0 8 linear loop0 0\n8 18 linear d0 0"],
            [512, 512, 1536, 3072, 0]
        ),
    ]

    @Test("limits stack as in the kernel", arguments: stacks)
    func stack(tables: [String], expected: [Int]) throws {
        for (index, table) in tables.enumerated() { try devices.create("d\(index)", table) }
        #expect(try shown("d\(tables.count - 1)") == expected)
        try devices.shutDown()
    }

    static let refused: [(table: String, reason: String)] = [
        (
            "0 4 linear loop0 0\n4 8 linear loop2 0",
            "table line 1 (start sect 4 len 8) not aligned to h/w logical block size 4096"
        ),
        (
            "0 12 linear loop2 0",
            "len=12 not aligned to h/w logical block size 4096 of loop2"
        ),
        (
            "0 8 linear loop2 1",
            "start=1 not aligned to h/w logical block size 4096 of loop2"
        ),
        (
            "0 8 linear loop2 0\n8 4 zero",
            "table line 2 (start sect 8 len 4) not aligned to h/w logical block size 4096"
        ),
        (
            "0 3 linear loop5 0",
            "len=3 not aligned to h/w logical block size 1024 of loop5"
        ),
        (
            "0 6 linear loop5 0\n6 8 linear loop2 0\n14 2 zero",
            "table line 1 (start sect 6 len 8) not aligned to h/w logical block size 4096"
        ),
        (
            "0 8 linear below 1",
            "start=1 not aligned to h/w logical block size 4096 of dm-0"
        ),
        (
            "0 4096 linear loop2 1",
            "loop2 too small for target: start=1, len=4096, dev_size=2048"
        ),
    ]

    @Test(
        "an unaligned table is refused at the first load, in the kernel's words",
        arguments: refused)
    func refuses(table: String, reason: String) throws {
        try devices.create("below", "0 64 linear loop2 0")
        let error = refusal { () throws(DMError) in try devices.create("t", table) }
        #expect(error == DMError(.invalidArgument, reason))
        #expect(devices.registry.list().map(\.name.string) == ["below"])
        try devices.shutDown()
    }

    @Test("a later table is measured at resume, and leaves the device suspended with the old one")
    func refusesLater() throws {
        try devices.create("d", "0 64 linear loop0 0")
        try devices.load("d", "0 12 linear loop2 0")
        let error = refusal { () throws(DMError) in
            try devices.registry.resume(.name(ByteString("d")))
        }
        #expect(
            error
                == DMError(
                    .invalidArgument, "len=12 not aligned to h/w logical block size 4096 of loop2"))
        #expect(try devices.registry.info(.name(ByteString("d"))).isSuspended)
        #expect(try shown("d") == [512, 512, 512, 0, 0])
        _ = try devices.registry.resume(.name(ByteString("d")))
        try devices.shutDown()
    }

    @Test("a device keeps its limits when one below changes, until it has a table again")
    func keepsLimits() throws {
        try devices.create("low", "0 64 linear loop2 0")
        try devices.create("high", "0 64 linear low 0")
        let handle = try devices.open("high")
        #expect(handle.blockSize == 4096)
        try devices.load("low", "0 64 linear loop0 0")
        #expect(try shown("low") == [4096, 4096, 4096, 0, 0])
        _ = try devices.registry.resume(.name(ByteString("low")))
        #expect(try shown("low") == [512, 512, 512, 0, 0])
        #expect(try shown("high") == [4096, 4096, 4096, 0, 0])
        try devices.load("high", "0 64 linear low 0")
        _ = try devices.registry.resume(.name(ByteString("high")))
        #expect(try shown("high") == [512, 512, 512, 0, 0])
        #expect(handle.blockSize == 512)
        handle.close()
        try devices.shutDown()
    }

    // MARK: Discards

    static let discards: [(table: String, takesDiscards: Bool, takesWriteZeroes: Bool)] = [
        ("0 64 linear loop0 0", true, true),
        ("0 72 striped 3 8 loop0 0 loop1 0 loop4 0", true, true),
        ("0 64 delay loop0 0 0", true, false),
        ("0 64 zero", false, false),
        ("0 64 error", false, false),
        ("0 64 linear loop0 0\n64 64 zero", false, false),
        ("0 64 linear loop0 0\n64 64 error", false, false),
        ("0 64 linear loop0 0\n64 64 delay loop1 0 0", true, false),
        ("0 64 linear zeroes 0", false, false),
        ("0 64 linear errors 0", false, false),
        ("0 64 linear loop0 0\n64 64 linear none 0", false, true),
    ]

    @Test(
        "a table takes discards where each of its targets does, and each device below",
        arguments: discards)
    func decidesDiscards(table: String, takesDiscards: Bool, takesWriteZeroes: Bool) throws {
        let none = devices.addStore("none", sectors: 64)
        none.limits.forbidDiscards()
        try devices.create("zeroes", "0 64 zero")
        try devices.create("errors", "0 64 error")
        try devices.create("d", table)
        let limits = try limits("d")
        #expect(limits.takesDiscards == takesDiscards)
        #expect(limits.maximumDiscardSectors == (takesDiscards ? UInt32.max >> 9 : 0))
        #expect(limits.discardGranularity == (takesDiscards ? 4096 : 0))
        #expect(limits.maximumWriteZeroesSectors == (takesWriteZeroes ? UInt32.max >> 9 : 0))
        let handle = try devices.open("d")
        let error = refusal { () throws(DMError) in try handle.discard(0, 4096) }
        #expect(error?.errno == (takesDiscards ? nil : .notSupported))
        handle.close()
        try devices.shutDown()
    }

    @Test("a discard through an upper device is EOPNOTSUPP where the one below takes none any more")
    func lostBelow() throws {
        try devices.create("low", "0 64 linear loop0 0")
        try devices.create("high", "0 64 linear low 0")
        let handle = try devices.open("high")
        try handle.discard(0, 4096)
        try devices.load("low", "0 64 zero")
        _ = try devices.registry.resume(.name(ByteString("low")))
        #expect(try limits("high").takesDiscards)
        #expect(throws: DMError(.notSupported)) { try handle.discard(0, 4096) }
        handle.close()
        try devices.shutDown()
    }

    // MARK: Devices without a table

    @Test("nothing stands on a device that never had a table, ENXIO, not even on itself")
    func neverHadTable() throws {
        _ = try devices.registry.create(name: ByteString("bare"), uuid: .empty, minor: nil)
        #expect(try devices.registry.limits(.name(ByteString("bare"))).limits == nil)
        let expected = DMError(.noSuchAddressOrDevice, "linear: Device lookup failed")
        for _ in 0..<2 {
            let error = refusal { () throws(DMError) in
                try devices.create("upper", "0 8 linear bare 0")
            }
            #expect(error == expected)
        }
        let own = refusal { () throws(DMError) in try devices.load("bare", "0 8 linear bare 0") }
        #expect(own == expected)
        #expect(try devices.registry.info(.name(ByteString("bare"))).openCount == 0)
        // A table that is loaded makes the disk, and it stays when that table goes again.
        try devices.load("bare", "0 8 linear loop2 0")
        #expect(try shown("bare") == [4096, 4096, 4096, 0, 0])
        _ = try devices.registry.clear(.name(ByteString("bare")))
        #expect(try shown("bare") == [4096, 4096, 4096, 0, 0])
        try devices.create("upper", "0 8 linear bare 0")
        #expect(try shown("upper") == [4096, 4096, 4096, 0, 0])
        try devices.shutDown()
    }

    @Test("a first table that is refused makes no disk")
    func refusedFirst() throws {
        _ = try devices.registry.create(name: ByteString("bare"), uuid: .empty, minor: nil)
        #expect(throws: DMError.self) { try devices.load("bare", "0 12 linear loop2 0") }
        #expect(try devices.registry.limits(.name(ByteString("bare"))).limits == nil)
        try devices.shutDown()
    }

    // MARK: Records

    @Test("limits come back from their record")
    func record() throws {
        var limits = QueueLimits.ofLoop(discardGranularity: 65536)
        limits.logicalBlockSize = 4096
        limits.physicalBlockSize = 8192
        limits.minimumIO = 16384
        limits.optimalIO = 49152
        limits.alignmentOffset = 4096
        limits.chunkSectors = 96
        limits.discardAlignment = 512
        limits.isDiscardMisaligned = true
        limits.isRotational = true
        #expect(limits.record.count * 4 == QueueLimits.recordSize)
        #expect(QueueLimits(record: limits.record) == limits)
        limits.isMisaligned = true
        #expect(Int32(bitPattern: limits.record[5]) == -1)
        let again = try #require(QueueLimits(record: limits.record))
        #expect(again.isMisaligned && again.record == limits.record)
        #expect(QueueLimits(record: Array(limits.record.dropLast())) == nil)
        #expect(QueueLimits(record: [60] + limits.record.dropFirst()) == nil)
    }
}
