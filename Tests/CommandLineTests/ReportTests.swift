import DMControl
import DeviceMapper
import Testing

@testable import DMCommandLine

/// Reports, compared with what dmsetup printed for the same devices.
@Suite struct ReportTests {
    /// name, minor, uuid, flags, lines.
    private static var devices: [DeviceRow] {
        [
            row("bare", 0, "", [.activePresent], 1),
            row("c2", 1, "U-2", [.activePresent, .readOnly], 1),
            row("c3", 2, "", [.activePresent, .readOnly], 1), row("c4", 77, "", [], 0),
        ]
    }

    private static func row(
        _ name: String, _ minor: UInt32, _ uuid: String, _ flags: DMFlags, _ lines: UInt32
    ) -> DeviceRow {
        var head = DMIoctl(flags: flags)
        head.name = ByteString(name)
        head.device = DeviceNumber(major: 254, minor: minor).encoded
        head.targetCount = lines
        return DeviceRow(
            status: DeviceStatus(head), name: ByteString(name), uuid: ByteString(uuid),
            parts: LVMName(ByteString(name), uuid: ByteString(uuid)), mangling: .auto,
            names: BlockDeviceNames(mappedMajor: 254) { _ in nil },
            readAhead: { flags.contains(.activePresent) ? 256 : nil })
    }

    private func report(_ line: String, rows: [DeviceRow] = Self.devices) throws -> String {
        let words = line.split(separator: "¦").map { ByteString(String($0)) }
        let options = try CommandLineOptions(words)
        let fields = try FieldSelection(
            DeviceFields.all, special: SpecialField.all, everything: .all, categories: [],
            output: options.fields ?? DeviceFields.defaults, sort: options.sortKeys)
        let selection = try SelectionParser.parse(
            options.selection ?? .empty, fields: SpecialField.all + DeviceFields.all)
        let recorder = Recorder()
        let console = recorder.console()
        let report = Report(fields: fields, layout: ReportLayout(options), selection: selection)
        for row in rows { try report.add(row, to: console) }
        report.output(to: console)
        console.flush()
        return recorder.outputText
    }

    /// Words, separated by "¦", and the lines without the last newline.
    private static let reports: [(options: String, text: String)] = [
        (
            "-c",
            """
            Name             Maj Min Stat Open Targ Event  UUID                            
            bare             254   0 L--w    0    1      0                                 
            c2               254   1 L--r    0    1      0 U-2                             
            c3               254   2 L--r    0    1      0                                 
            c4               254  77 ---w    0    0      0                                 
            """
        ),
        (
            "-c¦--rows",
            """
            Name bare c2 c3 c4
            Maj 254 254 254 254
            Min 0 1 2 77
            Stat L--w L--r L--r ---w
            Open 0 0 0 0
            Targ 1 1 1 0
            Event 0 0 0 0
            UUID  U-2  
            """
        ),
        (
            "-c¦--separator¦ | ",
            """
            Name | Maj | Min | Stat | Open | Targ | Event | UUID
            bare | 254 | 0 | L--w | 0 | 1 | 0 | 
            c2 | 254 | 1 | L--r | 0 | 1 | 0 | U-2
            c3 | 254 | 2 | L--r | 0 | 1 | 0 | 
            c4 | 254 | 77 | ---w | 0 | 0 | 0 | 
            """
        ),
        (
            "-c¦--separator¦ | ¦--noheadings¦-o¦name,open",
            """
            bare | 0
            c2 | 0
            c3 | 0
            c4 | 0
            """
        ),
        (
            "-c¦--noheadings¦-o¦name,uuid",
            """
            bare:
            c2:U-2
            c3:
            c4:
            """
        ),
        (
            "-c¦-o¦name¦-O¦-name",
            """
            Name            
            c4              
            c3              
            c2              
            bare            
            """
        ),
        (
            "-c¦-o¦name¦-O¦-minor",
            """
            Name            
            c4              
            c3              
            c2              
            bare            
            """
        ),
        (
            "-c¦-o¦selected",
            """
            Selected
                   1
                   1
                   1
                   1
            """
        ),
        (
            "-c¦-o¦name,selected¦-S¦name=c5",
            """
            Name             Selected
            bare                    0
            c2                      0
            c3                      0
            c4                      0
            """
        ),
        ("-c¦-S¦name=c5 || open>0", ""),
        (
            "-c¦-S¦name=~^c",
            """
            Name             Maj Min Stat Open Targ Event  UUID                            
            c2               254   1 L--r    0    1      0 U-2                             
            c3               254   2 L--r    0    1      0                                 
            c4               254  77 ---w    0    0      0                                 
            """
        ),
        (
            "-c¦-S¦minor>=1 && !(name=c3)",
            """
            Name             Maj Min Stat Open Targ Event  UUID                            
            c2               254   1 L--r    0    1      0 U-2                             
            c4               254  77 ---w    0    0      0                                 
            """
        ),
    ]

    @Test("reports are dmsetup's", arguments: reports)
    func prints(options: String, text: String) throws {
        #expect(try report(options) == (text.isEmpty ? "" : text + "\n"))
    }

    @Test("every kind of value has dmsetup's words")
    func values() throws {
        let fields = "name,read_ahead,blkdevname,attr,tables_loaded,suspended,readonly,devno"
        #expect(
            try report("-c¦-o¦\(fields)", rows: Array(Self.devices.prefix(2))) == """
                Name             RAhead BlkDevName       Stat Tables Suspended Read-only DevNo
                bare                256 dm-0             L--w Live   Active    Writeable 254:0
                c2                  256 dm-1             L--r Live   Active    Read-only 254:1

                """)
        #expect(
            try report("-c¦--nameprefixes¦--noheadings¦-o¦name,open", rows: [Self.devices[0]])
                == "DM_NAME='bare':DM_OPEN='0'\n")
        #expect(
            try report("-c¦--nameprefixes¦--unquoted¦-o¦name", rows: [Self.devices[0]])
                == "Name\nDM_NAME=bare\n")
    }

    @Test("a device that never had a table has no block device name")
    func noDisk() {
        let refusal = #expect(throws: Refusal.self) { try report("-c¦-o¦blkdevname") }
        #expect(
            refusal?.lines == [
                "Could not resolve block device name for 254:77.",
                "_do_report_object: report function failed for field blkdevname",
            ])
    }

    @Test("names of fields in any case, with or without underscores, and names of sections")
    func fieldNames() throws {
        let row = [Self.devices[1]]
        #expect(try report("-c¦--noheadings¦-o¦NAME,U_uid", rows: row) == "c2:U-2\n")
        #expect(try report("-c¦--noheadings¦-o¦,,name,,minor", rows: row) == "c2:1\n")
        #expect(
            try report("-c¦--noheadings¦-o¦infoall", rows: row)
                == "dm-1:L--r:Live:Active:Read-only:254:1:254:1:0:1:0\n")
        #expect(
            try report("-c¦--noheadings¦-o¦splitname_all", rows: row) == "U:::\n")
    }

    @Test(
        "unknown fields are named",
        arguments: [
            ("nosuch", nil, "Unrecognised field: nosuch"),
            ("name,", nil, "Unrecognised field: "),
            ("name", "nosuch", "dm_report: Unrecognised field: nosuch"),
            ("name", "-", "dm_report: Unrecognised field: -"),
        ] as [(String, String?, String)])
    func unknownFields(output: String, sort: String?, message: String) {
        let failure = #expect(throws: FieldSelection<DeviceRow>.Failure.self) {
            try FieldSelection(
                DeviceFields.all, special: SpecialField.all, everything: .all, categories: [],
                output: ByteString(output), sort: sort.map { ByteString($0) })
        }
        #expect(failure?.after == message)
    }

    @Test(
        "criteria that are none are refused in libdevmapper's words",
        arguments: [
            ("bogus=1", "Unrecognised selection field: bogus"),
            ("name", "Unrecognised comparison operator: "),
            ("open=x", "Failed to parse numeric value for selection field open."),
            ("name='x", "Missing end quote."), ("name=x y", "Expecting logical operator"),
            ("!name=x", "Syntax error: left parenthesis expected at 'name=x'"),
            ("(name=x", "Syntax error: right parenthesis expected at ''"),
        ])
    func wrongCriteria(text: String, message: String) {
        let failure = #expect(throws: SelectionParser<DeviceRow>.Failure.self) {
            try SelectionParser.parse(
                ByteString(text), fields: SpecialField.all + DeviceFields.all)
        }
        #expect(failure?.lines.first == message)
    }

    @Test("criteria of a hundred thousand parentheses are refused, and take no stack")
    func deepCriteria() {
        let text = ByteString([UInt8](repeating: UInt8(ascii: "("), count: 100_000))
        let failure = #expect(throws: SelectionParser<DeviceRow>.Failure.self) {
            try SelectionParser.parse(text, fields: SpecialField.all + DeviceFields.all)
        }
        #expect(failure?.lines == ["Syntax error: more than 1000 open parentheses"])
    }

    @Test("info text has every line only where it applies")
    func infoText() {
        var head = DMIoctl(flags: [
            .activePresent, .inactivePresent, .suspend, .readOnly, .deferredRemove,
        ])
        head.device = DeviceNumber(major: 254, minor: 3).encoded
        head.openCount = 1
        head.eventNumber = 2
        head.targetCount = 4
        let text = InfoText.lines(
            DeviceStatus(head), name: ByteString("two"), uuid: ByteString("U"), readAhead: 256)
        #expect(
            String(decoding: text, as: UTF8.self) == """
                Name:              two
                State:             SUSPENDED (READ-ONLY) (DEFERRED REMOVE)
                Read Ahead:        256
                Tables present:    LIVE & INACTIVE
                Open count:        1
                Event number:      2
                Major, minor:      254, 3
                Number of targets: 4
                UUID: U


                """)
        let bare = InfoText.lines(
            DeviceStatus(DMIoctl()), name: ByteString("b"), uuid: .empty, readAhead: nil)
        #expect(
            String(decoding: bare, as: UTF8.self) == """
                Name:              b
                State:             ACTIVE
                Tables present:    None
                Open count:        0
                Event number:      0
                Major, minor:      0, 0
                Number of targets: 0


                """)
    }
}
