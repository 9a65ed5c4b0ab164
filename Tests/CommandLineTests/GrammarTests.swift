import DeviceMapper
import Testing

@testable import DMCommandLine

@Suite struct GrammarTests {
    private func parse(_ line: String) throws(CommandLineOptions.Failure) -> CommandLineOptions {
        try CommandLineOptions(line.split(separator: " ").map { ByteString(String($0)) })
    }

    private func words(_ options: CommandLineOptions) -> [String] { options.words.map(\.string) }

    @Test(
        "options stand before, between and after the words",
        arguments: [
            "-f remove a b", "remove -f a b", "remove a -f b", "remove a b -f",
            "remove a b --force", "--forc remove a b",
        ])
    func options(line: String) throws {
        let options = try parse(line)
        #expect(words(options) == ["remove", "a", "b"])
        #expect(options.force)
    }

    @Test("a cluster of letters, the last of which takes the rest or the next word")
    func clusters() throws {
        let attached = try parse("create -nru7 x")
        #expect(attached.noTable && attached.readOnly)
        #expect(attached.uuid == ByteString("7"))
        let apart = try parse("create -nru 7 x")
        #expect(apart.uuid == ByteString("7"))
        #expect(words(apart) == ["create", "x"])
    }

    @Test("what follows -- is words")
    func doubleDash() throws {
        let options = try parse("remove -- -f --force")
        #expect(!options.force)
        #expect(words(options) == ["remove", "-f", "--force"])
    }

    @Test("a value may look like an option")
    func valueWithDash() throws {
        #expect(try parse("create --table -- x").table == ByteString("--"))
        #expect(try parse("create --table=-f x").table == ByteString("-f"))
    }

    @Test("a single dash is a word")
    func singleDash() throws { #expect(words(try parse("create x -")) == ["create", "x", "-"]) }

    @Test("--verbose takes a value, as it does with dmsetup; -v takes none")
    func verbose() throws {
        #expect(words(try parse("--verb info x")) == ["x"])
        #expect(words(try parse("-v info x")) == ["info", "x"])
        #expect(try parse("-v info -v x").verbose == 2)
    }

    /// What getopt and dmsetup say, recorded from dmsetup 1.02.185.
    private static let refusals: [(line: String, message: String)] = [
        ("-x", "invalid option -- 'x'"),
        ("--nosuch", "unrecognized option '--nosuch'"),
        (
            "--no",
            "option '--no' is ambiguous; possibilities: '--nogroup' '--noflush' '--noheadings' "
                + "'--nolockfs' '--noopencount' '--nosuffix' '--notable' '--notimesuffix' "
                + "'--nomonitor' '--noudevrules' '--noudevsync'"
        ),
        ("--table", "option '--table' requires an argument"),
        ("ls --table", "option '--table' requires an argument"),
        ("--readonly=1 ls", "option '--readonly' doesn't allow an argument"),
        ("-o", "option requires an argument -- 'o'"),
        ("info -u", "option requires an argument -- 'u'"),
        ("message c2 -1 hello", "invalid option -- '1'"),
        ("create c4 -j 254", "Please specify both major number and minor number."),
        ("create c4 -m 7 -n", "Please specify both major number and minor number."),
        ("create q1 --table x --notable", "--table and --notable are incompatible."),
        (
            "create q1 --addnodeonresume --addnodeoncreate",
            "--addnodeonresume and --addnodeoncreate are incompatible."
        ),
        ("create q1 -M 0", "Invalid argument for --mode: 0. "),
        ("create q1 -M abc", "Invalid argument for --mode: abc. "),
        ("create q1 --readahead -5", "Negative read ahead value (-5) is not understood."),
        ("--count -1 info", "Count must be zero or greater."),
        ("--interval 0 info", "Interval must be a positive integer."),
        ("--manglename foo ls", "Unknown name mangling mode."),
    ]

    @Test("what is wrong is refused in getopt's and dmsetup's words", arguments: refusals)
    func refuses(line: String, message: String) throws {
        let failure = #expect(throws: CommandLineOptions.Failure.self) { try parse(line) }
        #expect(failure?.message == message)
    }

    @Test("our own options make no abbreviation of dmsetup's ambiguous")
    func ownOptions() throws {
        #expect(try parse("--d remove x").deferred)
        #expect(try parse("--dir /m remove x").directory == ByteString("/m"))
        #expect(try parse("table --paths").paths)
        #expect(try parse("table --path").paths)
    }

    @Test("POSIXLY_CORRECT ends the options at the first word")
    func posixlyCorrect() throws {
        let line = ["remove", "-f", "x"].map { ByteString($0) }
        let options = try CommandLineOptions(line, stopsAtOperand: true)
        #expect(words(options) == ["remove", "-f", "x"])
    }

    @Test("words are bytes")
    func bytes() throws {
        let name = ByteString([0x61, 0xff, 0x80])
        #expect(try CommandLineOptions([ByteString("info"), name]).words.last == name)
    }

    @Test(
        "numbers are read as atoi reads them",
        arguments: [
            ("12", 12), (" +7x", 7), ("-5", -5), ("x", 0), ("", 0), ("4294967297", 1),
            ("99999999999999999999", -1), ("-99999999999999999999", 0),
        ] as [(String, Int32)])
    func atoi(text: String, value: Int32) { #expect(Decimal.atoi(Array(text.utf8)) == value) }
}
