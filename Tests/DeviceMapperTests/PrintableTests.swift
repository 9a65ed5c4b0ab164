import DeviceMapper
import Testing

@Suite struct PrintableTests {
    @Test(
        "what a terminal or a log would act on is shown as libdevmapper mangles names",
        arguments: [
            ("a\nb", #"a\x0ab"#), ("\r\n", #"\x0d\x0a"#), ("\u{1b}[2J", #"\x1b[2J"#),
            ("\t\u{7f}\u{0}", #"\x09\x7f\x00"#), ("\u{9b}31m", #"\xc2\x9b31m"#),
            ("\u{2028}\u{2029}", #"\xe2\x80\xa8\xe2\x80\xa9"#), ("\u{202e}", #"\xe2\x80\xae"#),
            // A mark that joins what precedes or follows it to one Character hides nothing.
            ("\u{600}\n", "\u{600}\\x0a"), ("\n\u{301}", "\\x0a\u{301}"),
        ])
    func escapes(text: String, shown: String) {
        // Compared as bytes: Strings are equal by canonical equivalence.
        #expect(Printable.bytes(text.utf8) == Array(shown.utf8))
        #expect(Printable.bytes(shown.utf8) == Array(shown.utf8), "shown twice")
    }

    @Test(
        "bytes that aren't UTF-8 are shown one by one",
        arguments: [
            ([0xff, 0x61], #"\xffa"#), ([0xe2, 0x80], #"\xe2\x80"#), ([0x9b, 0x41], #"\x9bA"#),
            ([0xc0, 0xaf], #"\xc0\xaf"#), ([0xed, 0xa0, 0x80], #"\xed\xa0\x80"#),
            ([0xe2, 0x0a, 0x80], #"\xe2\x0a\x80"#),
        ] as [([UInt8], String)])
    func invalid(bytes: [UInt8], shown: String) {
        #expect(Printable.text(bytes) == shown)
        #expect(ByteString(bytes).string == shown)
        #expect("\(ByteString(bytes))" == shown, "in a message")
    }

    @Test("all else stays", arguments: ["", #"a\x20b\c %n%s"#, "ümläut 日本 👩‍👩‍👧", " ~"])
    func stays(text: String) { #expect(Printable.bytes(text.utf8) == Array(text.utf8)) }
}

@Suite struct ByteStringTests {
    @Test("only ASCII's capital letters are made small")
    func lowercased() {
        #expect(ByteString("AZ[\u{212a}\u{130}").lowercased == ByteString("az[\u{212a}\u{130}"))
    }

    @Test("two names that are canonically equivalent are two names")
    func distinct() {
        #expect(ByteString("\u{212a}") != "K")
        #expect(ByteString("e\u{301}") != "é")
        #expect(!ByteString("\u{212a}").hasPrefix("K") && !ByteString("a\u{212a}").hasSuffix("K"))
        #expect(ByteString("-\u{301}").hasPrefix("-") && ByteString("\u{600}%").hasSuffix("%"))
        #expect(ByteString("a\u{600}%b").contains("%") && !ByteString("a").contains("ab"))
    }

    @Test("what is put together keeps its bytes")
    func interpolation() {
        let path = ByteString([0x2f, 0xff, 0x0a])
        let line: ByteString = "\(path) \(7) \(DeviceNumber(major: 1, minor: 2)) \("x")"
        #expect(line.bytes == [0x2f, 0xff, 0x0a] + Array(" 7 1:2 x".utf8))
        #expect([path, "b"].joined(separator: ", ").bytes == path.bytes + Array(", b".utf8))
    }

    @Test(
        "a number is digits of ASCII and nothing else",
        arguments: [
            ("0", 0), ("07", 7), ("4294967295", 4_294_967_295), ("4294967296", nil), ("", nil),
            ("+7", nil), ("-7", nil), (" 7", nil), ("7 ", nil), ("٣", nil), ("７", nil), ("a", nil),
            ("7\u{301}", nil),
        ] as [(String, UInt32?)])
    func digits(text: String, number: UInt32?) {
        #expect(Digits.number(text.utf8) == number)
    }

    @Test("digits of other bases")
    func radix() {
        #expect(Digits.number("fF".utf8, radix: 16) == 255 as UInt8?)
        #expect(Digits.number("100".utf8, radix: 16) == nil as UInt8?)
        #expect(Digits.number("8".utf8, radix: 8) == nil as UInt8?)
    }
}
