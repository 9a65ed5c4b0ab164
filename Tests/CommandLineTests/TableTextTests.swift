import DMControl
import DeviceMapper
import Testing

@testable import DMCommandLine

@Suite struct TableTextTests {
    private func parse(_ text: String, source: String = "") throws(Refusal) -> [TableLine] {
        try TableText.parse(Array(text.utf8), source: source)
    }

    private func shown(_ lines: [TableLine]) -> [String] {
        lines.map {
            "\($0.start)|\($0.length)|\($0.targetType.string)|\($0.parameters.string)"
        }
    }

    @Test(
        "lines are read as dmsetup reads them",
        arguments: [
            ("", []), ("# only a comment", []), ("\n \n", []),
            ("0 8 linear /dev/loop0 0", ["0|8|linear|/dev/loop0 0"]),
            (
                "0 8 linear /dev/loop0 0\n# a comment\n\n8 8 zero\n",
                ["0|8|linear|/dev/loop0 0", "8|8|zero|"]
            ),
            ("  0\t8  linear   a b  \r\n", ["0|8|linear|a b"]),
            ("0 8 linear a 0 # why", ["0|8|linear|a 0 "]),
            ("0 8 zero", ["0|8|zero|"]),
            ("-1 8 zero", ["18446744073709551615|8|zero|"]),
            ("+1 8 zero", ["1|8|zero|"]),
            ("0 0x10 linear d 0", ["0|0|x10|linear d 0"]),
            ("0 8.5 linear d 0", ["0|8|.5|linear d 0"]),
            ("0 8linear d", ["0|8|linear|d"]),
            ("0 99999999999999999999 zero", ["0|18446744073709551615|zero|"]),
            (#"0 8 linear a\ b 0"#, [#"0|8|linear|a\ b 0"#]),
        ] as [(String, [String])])
    func reads(text: String, lines: [String]) throws { #expect(shown(try parse(text)) == lines) }

    @Test(
        "a line that is no line is refused by its number and source",
        arguments: [
            ("0 8", "", "Invalid format on line 1 of table ."),
            ("0", "", "Invalid format on line 1 of table ."),
            ("a b linear /dev/loop0 0", "", "Invalid format on line 1 of table ."),
            ("0 8 zero\n8 8\n", "on stdin", "Invalid format on line 2 of table on stdin."),
            ("#\n\n0", "t.txt", "Invalid format on line 3 of table t.txt."),
            ("0 8 abcdefghijklmnop x", "", "Target type name abcdefghijklmnop is too long."),
        ])
    func refuses(text: String, source: String, message: String) {
        let refusal = #expect(throws: Refusal.self) { try parse(text, source: source) }
        #expect(refusal?.lines == [message])
    }

    /// Quadratic work would take minutes: that alone is what the limit is for.
    @Test("100,000 lines are read in time linear in their number", .timeLimit(.minutes(5)))
    func manyLines() throws {
        let line = "0 8 linear /a/path/of/some/length 0\n"
        let text = Array(String(repeating: line, count: 100_000).utf8)
        #expect(try TableText.parse(text, source: "").count == 100_000)
    }

    @Test("a concise text is devices, one by one")
    func concise() throws {
        var text = ConciseText(
            Array(#"x1,,,,0 8 zero;  x\,2, U-2,9,ro,0 8 zero,8 8 error"#.utf8))
        let first = try text.next()
        #expect(first?.name == ByteString("x1"))
        #expect(first?.uuid.isEmpty == true && first?.minor == nil && first?.readOnly == false)
        #expect(first?.table == Array("0 8 zero".utf8))
        let second = try text.next()
        #expect(second?.name == ByteString("x,2"))
        #expect(second?.uuid == ByteString("U-2"))
        #expect(second?.minor == 9 && second?.readOnly == true)
        #expect(second?.table == Array("0 8 zero\n8 8 error".utf8))
        #expect(try text.next() == nil)
    }

    @Test(
        "a malformed concise text is refused in dmsetup's words",
        arguments: [
            (
                "x1", "Five comma-separated fields are required for each device",
                "Parsed 1 fields: name: x1 uuid: (null) minor: (null) flags: (null) table: (null)"
            ),
            (
                "x1,,,,0 8 zero,",
                "Incomplete entry: five comma-separated fields are required for each device",
                "Parsed 5 fields: name: x1 uuid:  minor:  flags:  table: 0 8 zero\n"
            ),
            (
                #"x\"#, "Backslash must be followed by another character at end of string.",
                "Parsed 1 fields: name: x uuid: (null) minor: (null) flags: (null) table: (null)"
            ),
        ])
    func refusesConcise(text: String, first: String, second: String) {
        let refusal = #expect(throws: Refusal.self) {
            var concise = ConciseText(Array(text.utf8))
            _ = try concise.next()
        }
        #expect(refusal?.lines.joined(separator: "\n") == "\(first)\n\(second)")
    }

    @Test("wrong flags are refused")
    func refusesFlags() {
        let refusal = #expect(throws: Refusal.self) {
            var concise = ConciseText(Array("x3,,,bad,0 8 zero".utf8))
            _ = try concise.next()
        }
        #expect(
            refusal?.lines == ["Invalid flags parameter 'bad' must be 'ro' or 'rw' or empty."])
    }
}
