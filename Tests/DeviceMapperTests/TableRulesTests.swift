import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// What the kernel (6.1) answers to table lines, with loop0, loop1 and loop3 of 1024 sectors, loop2
/// of 1000, and loop7 unbound.
@Suite struct TableRulesTests {
    private let devices = MemoryDevices()

    init() {
        for (name, sectors) in [
            ("loop0", 1024), ("loop1", 1024), ("loop2", 1000), ("loop3", 1024), ("loop7", 0),
        ] {
            devices.addStore(name, sectors: sectors)
        }
    }

    static let refused: [(table: String, errno: Errno, reason: String)] = [
        ("0 0 linear loop0 0", .invalidArgument, "zero-length target"),
        ("1 8 linear loop0 0", .invalidArgument, "linear: Gap in table"),
        ("8 8 linear loop0 0", .invalidArgument, "linear: Gap in table"),
        ("0 8 linear loop0 0\n4 8 linear loop0 16", .invalidArgument, "linear: Gap in table"),
        ("0 8 linear loop0 0\n12 8 linear loop0 16", .invalidArgument, "linear: Gap in table"),
        ("8 8 linear loop0 0\n0 8 linear loop0 16", .invalidArgument, "linear: Gap in table"),
        ("0 8 linear loop0 0\n0 8 linear loop0 16", .invalidArgument, "linear: Gap in table"),
        ("0 8 linear loop0 0\n8 0 linear loop0 16", .invalidArgument, "zero-length target"),
        ("0 8 nosuch loop0 0", .invalidArgument, "nosuch: unknown target type"),
        ("0 8 LINEAR loop0 0", .invalidArgument, "LINEAR: unknown target type"),
        ("0 9223372036854775807 linear loop0 0", .invalidArgument, "too large device"),
        ("0 18446744073709551615 linear loop0 0", .invalidArgument, "too large device"),
        ("18446744073709551615 8 linear loop0 0", .invalidArgument, "too large device"),
        ("0 18014398509481984 zero", .invalidArgument, "too large device"),
        (
            "0 18014398509481983 zero\n18014398509481983 1 zero", .invalidArgument,
            "too large device"
        ),
        ("0 8 zero x", .invalidArgument, "zero: No arguments required"),

        ("0 8 linear", .invalidArgument, "linear: Invalid argument count"),
        ("0 8 linear loop0", .invalidArgument, "linear: Invalid argument count"),
        ("0 8 linear loop0 0 0", .invalidArgument, "linear: Invalid argument count"),
        ("0 8 linear nosuch 0", .operationNotSupportedByDevice, "linear: Device lookup failed"),
        ("0 8 linear loop0 x", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear loop0 -1", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear loop0 0x8", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear loop0 8x", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear loop0 8.5", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear loop0 +8", .invalidArgument, "linear: Invalid device sector"),
        ("0 8 linear nosuch x", .invalidArgument, "linear: Invalid device sector"),
        (
            "0 8 linear loop0 99999999999999999999", .invalidArgument,
            "loop0 too small for target: start=7766279631452241919, len=8, dev_size=1024"
        ),
        (
            "0 8 linear loop0 18446744073709551615", .invalidArgument,
            "loop0 too small for target: start=18446744073709551615, len=8, dev_size=1024"
        ),
        (
            "0 8 linear loop0 1017", .invalidArgument,
            "loop0 too small for target: start=1017, len=8, dev_size=1024"
        ),
        (
            "0 8 linear loop0 1024", .invalidArgument,
            "loop0 too small for target: start=1024, len=8, dev_size=1024"
        ),
        (
            "0 1025 linear loop0 0", .invalidArgument,
            "loop0 too small for target: start=0, len=1025, dev_size=1024"
        ),
        (
            "0 1001 linear loop2 0", .invalidArgument,
            "loop2 too small for target: start=0, len=1001, dev_size=1000"
        ),

        ("0 16 striped", .invalidArgument, "striped: Not enough arguments"),
        ("0 16 striped 2", .invalidArgument, "striped: Not enough arguments"),
        (
            "0 16 striped 2 8 loop0 0", .invalidArgument,
            "striped: Not enough destinations specified"
        ),
        (
            "0 16 striped 2 8 loop0 0 loop1", .invalidArgument,
            "striped: Not enough destinations specified"
        ),
        (
            "0 16 striped 2 8 loop0 0 loop1 0 9", .invalidArgument,
            "striped: Not enough destinations specified"
        ),
        (
            "0 16 striped 2 8 loop0 0 loop1 0 loop2 0", .invalidArgument,
            "striped: Not enough destinations specified"
        ),
        (
            "0 16 striped 0 8 loop0 0 loop1 0", .invalidArgument,
            "striped: Invalid stripe count"
        ),
        ("0 16 striped 0 8", .invalidArgument, "striped: Invalid stripe count"),
        ("0 16 striped -1 8 loop0 0", .invalidArgument, "striped: Invalid stripe count"),
        ("0 16 striped x 8 loop0 0", .invalidArgument, "striped: Invalid stripe count"),
        ("0 16 striped 4294967296 8 loop0 0", .invalidArgument, "striped: Invalid stripe count"),
        (
            "0 16 striped 4294967295 8 loop0 0", .invalidArgument,
            "striped: Target length not divisible by number of stripes"
        ),
        ("0 16 striped 2 0 loop0 0 loop1 0", .invalidArgument, "striped: Invalid chunk_size"),
        ("0 16 striped 2 x loop0 0 loop1 0", .invalidArgument, "striped: Invalid chunk_size"),
        (
            "0 16 striped 2 4294967296 loop0 0 loop1 0", .invalidArgument,
            "striped: Invalid chunk_size"
        ),
        (
            "0 16 striped 2 7 loop0 0 loop1 0", .invalidArgument,
            "striped: Target length not divisible by chunk size"
        ),
        (
            "0 16 striped 2 16 loop0 0 loop1 0", .invalidArgument,
            "striped: Target length not divisible by chunk size"
        ),
        (
            "0 24 striped 2 8 loop0 0 loop1 0", .invalidArgument,
            "striped: Target length not divisible by chunk size"
        ),
        (
            "0 17 striped 2 8 loop0 0 loop1 0", .invalidArgument,
            "striped: Target length not divisible by number of stripes"
        ),
        (
            "0 16 striped 2 8 nosuch 0 loop1 0", .operationNotSupportedByDevice,
            "striped: Couldn't parse stripe destination"
        ),
        (
            "0 16 striped 2 8 loop0 x loop1 0", .invalidArgument,
            "striped: Couldn't parse stripe destination"
        ),
        (
            "0 16 striped 2 8 loop0 0 loop1 -1", .invalidArgument,
            "striped: Couldn't parse stripe destination"
        ),
        (
            "0 16 striped 2 8 loop0 0 loop1 1017", .invalidArgument,
            "loop1 too small for target: start=1017, len=8, dev_size=1024"
        ),
        (
            "0 2064 striped 2 8 loop0 0 loop1 0", .invalidArgument,
            "loop0 too small for target: start=0, len=1032, dev_size=1024"
        ),
    ]

    @Test("a table that the kernel refuses is refused in its words", arguments: refused)
    func refuses(table: String, errno: Errno, reason: String) throws {
        let error = refusal { () throws(DMError) in try devices.create("t", table) }
        #expect(error == DMError(errno, reason))
        #expect(devices.registry.list().isEmpty)
        for name in ["loop0", "loop1", "loop2", "loop7"] {
            #expect(devices.users(of: name) == 0, "\(name) stayed open")
        }
    }

    static let accepted: [(table: String, printed: [String])] = [
        ("0 8 linear loop0 010", ["0 8 linear 251:0 10"]),
        ("0 8 linear loop0 1016", ["0 8 linear 251:0 1016"]),
        ("0 1024 linear loop0 0", ["0 1024 linear 251:0 0"]),
        ("0 1000 linear loop2 0", ["0 1000 linear 251:2 0"]),
        ("0 8 linear loop7 0", ["0 8 linear 251:4 0"]),
        ("0 8 linear loop7 99999999999999999999", ["0 8 linear 251:4 7766279631452241919"]),
        ("0 18 striped 2 3 loop0 0 loop1 0", ["0 18 striped 2 3 251:0 0 251:1 0"]),
        ("0 16 striped +2 +8 loop0 0 loop1 0", ["0 16 striped 2 8 251:0 0 251:1 0"]),
        ("0 16 striped 2 8 loop0 0 loop1 1016", ["0 16 striped 2 8 251:0 0 251:1 1016"]),
        ("0 16 striped 2 8 loop0 0 loop0 0", ["0 16 striped 2 8 251:0 0 251:0 0"]),
        ("0 2048 striped 2 8 loop0 0 loop1 0", ["0 2048 striped 2 8 251:0 0 251:1 0"]),
        ("0 18014398509481983 zero", ["0 18014398509481983 zero "]),
        ("0 8 error\n8 8 zero", ["0 8 error ", "8 8 zero "]),
        ("0 8 error some thing", ["0 8 error "]),
        (
            "0 8 linear loop0 0\n8 1 linear loop1 5",
            ["0 8 linear 251:0 0", "8 1 linear 251:1 5"]
        ),
    ]

    @Test("an accepted table prints as the kernel prints it", arguments: accepted)
    func prints(table: String, printed: [String]) throws {
        try devices.create("t", table)
        let lines = try devices.registry.tableStatus(
            .name(ByteString("t")), .table(paths: false), inactive: false
        ).lines
        #expect(
            lines.map { "\($0.start) \($0.length) \($0.targetType) \($0.text)" } == printed)
        try devices.shutDown()
    }

    @Test("a table of no lines is refused")
    func refusesEmpty() throws {
        _ = try devices.registry.create(name: ByteString("t"), uuid: .empty, minor: nil)
        let error = refusal { () throws(DMError) in try devices.load("t", "") }
        #expect(
            error == DMError(.invalidArgument, "populate_table: no targets specified"))
        try devices.shutDown()
    }

    @Test("more than 2^20 lines are EOVERFLOW")
    func refusesTooMany() throws {
        _ = try devices.registry.create(name: ByteString("t"), uuid: .empty, minor: nil)
        let line = TableLine(
            start: 0, length: 1, targetType: ByteString("zero"), parameters: .empty)
        let error = refusal { () throws(DMError) in
            try devices.registry.load(
                .name(ByteString("t")), lines: Array(repeating: line, count: 1 << 20 + 1),
                readOnly: false, resolver: devices)
        }
        #expect(error?.errno == .overflow)
        try devices.shutDown()
    }

    @Test(
        "words are split at white space, and a backslash quotes the next byte",
        arguments: [
            ("", []), ("  ", []), ("a b", ["a", "b"]), (" \t a\n\u{b}\u{c}\rb ", ["a", "b"]),
            ("a\\ b c", ["a b", "c"]), ("a\\\\ b", ["a\\", "b"]), ("a\\", ["a\\"]),
            ("a \\", ["a", "\\"]), ("\\ ", [" "]), ("\\a\\b", ["ab"]), ("a\\\\\\ b", ["a\\ b"]),
            ("\"a b\"", ["\"a", "b\""]),
        ] as [(String, [String])])
    func splitsWords(parameters: String, words: [String]) {
        let line = TableLine(
            start: 0, length: 1, targetType: .empty, parameters: ByteString(parameters))
        #expect(line.words() == words.map { ByteString($0) })
    }

    @Test("a no-break space of Latin-1 separates words")
    func splitsAtNoBreakSpace() {
        let line = TableLine(
            start: 0, length: 1, targetType: .empty,
            parameters: ByteString([0x61, 0xa0, 0x62] as [UInt8]))
        #expect(line.words() == [ByteString("a"), ByteString("b")])
    }

    @Test(
        "sectors are read as by sscanf(\"%llu\"), wrapping",
        arguments: [
            ("0", 0), ("010", 10), (" 7", 7), ("18446744073709551615", UInt64.max),
            ("18446744073709551616", 0), ("99999999999999999999", 7_766_279_631_452_241_919),
            ("", nil), (" ", nil), ("+8", nil), ("-1", nil), ("0x8", nil), ("8 ", nil),
            ("8.5", nil),
        ] as [(String, UInt64?)])
    func readsSectors(word: String, value: UInt64?) {
        #expect(TargetNumber.sector(ByteString(word)) == value)
    }

    @Test(
        "counts are read as by kstrtouint",
        arguments: [
            ("0", 0), ("+8", 8), ("010", 10), ("8\n", 8), ("4294967295", UInt32.max),
            ("4294967296", nil), ("42949672950", nil), ("", nil), ("+", nil), ("++8", nil),
            ("-1", nil), ("8\n\n", nil), (" 8", nil), ("\n", nil),
        ] as [(String, UInt32?)])
    func readsCounts(word: String, value: UInt32?) {
        #expect(TargetNumber.unsigned(ByteString(word)) == value)
    }

    @Test("a read-only table makes the device read-only, and a writable one undoes it")
    func mapsReadOnly() throws {
        let store = devices.addStore("a", sectors: 16)
        #expect(try devices.create("t", "0 16 linear a 0", readOnly: true).isReadOnly)
        let handle = try devices.open("t")
        #expect(handle.isReadOnly)
        #expect(throws: DMError(.ioError)) { try handle.write(0, [1]) }
        #expect(try handle.read(0, 1) == [0])
        try devices.load("t", "0 16 linear a 0")
        #expect(try devices.registry.info(.name(ByteString("t"))).isReadOnly)
        #expect(
            try !devices.registry.info(.name(ByteString("t")), inactive: true).isReadOnly)
        #expect(try !devices.registry.resume(.name(ByteString("t"))).isReadOnly)
        try handle.write(0, [1])
        #expect(store.contents[0] == 1)
        handle.close()
        try devices.shutDown()
    }

    @Test("a failed load leaves the earlier inactive table in place")
    func failedLoadKeepsInactive() throws {
        try devices.create("t", "0 8 linear loop0 0")
        try devices.load("t", "0 8 linear loop1 0")
        #expect(throws: DMError.self) { try devices.load("t", "0 8 linear nosuch 0") }
        let text = try devices.registry.tableStatus(
            .name(ByteString("t")), .table(paths: false), inactive: true
        ).lines.first?.text
        #expect(text == "251:1 0")
        try devices.shutDown()
        #expect(devices.users(of: "loop0") == 0)
        #expect(devices.users(of: "loop1") == 0)
    }

    @Test("a word that stands in many lines is looked up once, and its device opened once")
    func looksUpOnce() throws {
        try devices.create("t", "0 8 linear loop0 0\n8 8 linear loop0 8\n16 8 linear loop0 16")
        #expect(devices.lookups(of: "loop0") == 1)
        #expect(devices.users(of: "loop0") == 1)
        #expect(
            try devices.registry.dependencies(.name(ByteString("t")), inactive: false).numbers
                == [DeviceNumber(major: 251, minor: 0)])
        try devices.shutDown()
    }

    @Test("dependencies are listed newest first")
    func listsDependencies() throws {
        try devices.create("t", "0 8 linear loop1 0\n8 8 linear loop0 8\n16 8 linear loop1 16")
        #expect(
            try devices.registry.dependencies(.name(ByteString("t")), inactive: false).numbers
                == [DeviceNumber(major: 251, minor: 0), DeviceNumber(major: 251, minor: 1)])
        #expect(
            try devices.registry.dependencies(.name(ByteString("t")), inactive: true).numbers
                == nil)
        try devices.shutDown()
    }

    @Test(
        "an offset beyond every device maps nowhere, not around to the beginning",
        arguments: ["linear l 36028797018963968", "striped 1 8 l 36028797018963968"])
    func hugeOffset(target: String) throws {
        let store = devices.addStore("a", sectors: 16)
        // Without a live table its size is unknown, so nothing refuses the offset.
        _ = try devices.registry.create(name: ByteString("l"), uuid: .empty, minor: nil)
        try devices.load("l", "0 16 linear a 0")
        try devices.create("t", "0 8 \(target)")
        _ = try devices.registry.resume(.name(ByteString("l")))
        let handle = try devices.open("t")
        #expect(throws: DMError(.ioError)) { try handle.write(0, [1, 2, 3]) }
        #expect(throws: DMError(.ioError)) { try handle.read(0, 3) }
        #expect(store.contents[0] == 0)
        handle.close()
        try devices.shutDown()
    }
}
