import DMControl
import DeviceMapper
import Glibc
import SystemPackage
import Testing

@testable import DMCommandLine

/// What comes from outside is bytes: nothing is equal, cut or counted as Swift's characters are.
@Suite struct BytesTests {
    /// Canonically equivalent to "K", and `lowercased()` makes it a "k".
    private static let kelvin = "\u{212a}"
    private static let odd = ByteString([UInt8(ascii: "n"), 0xff, 0x0a, 0x1b])

    // MARK: Words that mean something

    @Test("a letter that Swift takes for another is none of a field's name")
    func fieldNames() throws {
        let fixture = try DaemonFixture()
        for options in [["-o", "bl\(Self.kelvin)devname"], ["-O", "bl\(Self.kelvin)devname"]] {
            let result = fixture.run(["info", "-c"] + options)
            #expect(result.status == 1)
            #expect(result.errors.contains("nrecognised field: "), "\(result.errors)")
        }
        #expect(fixture.run(["info", "-c", "-o", "BLKDEVNAME"]).status == 0)
        #expect(fixture.run(["info", "-c", "-o", "name_", "-O", "-n_a_m_e"]).status == 0)
        #expect(fixture.run(["info", "-c", "-o", "name", "-O", "-\u{301}name"]).status == 1)
        #expect(fixture.run(["info", "-c", "-S", "bl\(Self.kelvin)devname=x"]).status == 1)
    }

    @Test("an underscore that a mark joins is still one to be left out")
    func canonicalNames() {
        let name = ByteString("na_\u{301}me")
        #expect(ReportFieldName.canonical(name) == ByteString("na\u{301}me"))
    }

    @Test(
        "a cookie as strtoul reads it",
        arguments: [
            ("0xd4d1000", 0xd4d1000), ("0XD4", 0xd4), ("017", 15), (" 7", 7), ("+7", 7),
            ("7 ", nil),
            ("0x", nil), ("0x+5", nil), ("08", nil), ("0", nil), ("", nil), ("٣", nil),
            ("4294967296", nil), ("-18446744073709551615", 1), ("0\u{301}x5", nil),
        ] as [(String, UInt32?)])
    func cookies(text: String, cookie: UInt32?) {
        #expect(UdevCommands.cookie(ByteString(text)) == cookie)
    }

    @Test("a mode as strtol reads it", arguments: [("0644", true), ("+7", true), ("8", false)])
    func modes(text: String, isMode: Bool) {
        let options = try? CommandLineOptions(["--mode", ByteString(text)])
        #expect((options != nil) == isMode)
    }

    @Test("mangling modes are words of ASCII, in any case")
    func manglingModes() {
        #expect(Mangling.Mode("HEX") == .hex)
        #expect(Mangling.Mode("hex\u{301}") == nil)
    }

    @Test("a regular expression sees the bytes of a name")
    func patterns() throws {
        let pattern = try #require(Pattern(ByteString([0x5e, 0xff, 0x24])))
        #expect(pattern.matches(ByteString([0xff])))
        #expect(!pattern.matches(ByteString([0xfe])))
        #expect(!pattern.matches("\u{fffd}"))
    }

    // MARK: Bytes that aren't UTF-8

    @Test("names that aren't UTF-8 are printed as they are")
    func names() throws {
        let fixture = try DaemonFixture()
        let words: [ByteString] = ["--manglename", "none"]
        let created = fixture.run(["create", Self.odd, "--notable"] + words)
        #expect(created.status == 0, "\(created.errors)")
        #expect(fixture.registry.list().map(\.name) == [Self.odd])
        let listed = fixture.run(["ls"] + words)
        #expect(ByteString(listed.bytes).hasPrefix(Self.odd + "\t("))
        let columns = fixture.run(
            ["info", "-c", "--noheadings", "-o", "name", "-S", "name!=x"] + words)
        #expect(columns.bytes == Self.odd.bytes + [0x0a])
        let mangled = fixture.run(["mangle"])
        #expect(mangled.bytes == ByteString("\(Self.odd): renaming to n\\xff\\x0a\\x1b\n").bytes)
        let plain = fixture.run(["ls"])
        #expect(ByteString(plain.bytes).hasPrefix(Self.odd + "\t("))
        let again = fixture.run(["mangle"])
        #expect(
            again.bytes
                == ByteString("n\\xff\\x0a\\x1b: [no UUID]: name already in correct form\n").bytes)
    }

    @Test("deps prints the names of devices as they are")
    func dependencies() throws {
        let fixture = try DaemonFixture()
        let words: [ByteString] = ["--manglename", "none"]
        #expect(fixture.run(["create", Self.odd, "--table", "0 8 zero"] + words).status == 0)
        #expect(fixture.run(["create", "top", "--table", "0 8 linear 254:0 0"]).status == 0)
        let result = fixture.run(["deps", "-o", "devname", "top"] + words)
        #expect(result.bytes == ByteString("1 dependencies\t: (\(Self.odd))\n").bytes)
    }

    @Test("a table's paths are printed as they are, and lead to the file again")
    func paths() throws {
        let fixture = try DaemonFixture()
        let path = ByteString(fixture.directory) + "/" + ByteString([0x66, 0xff, 0x1b, 0xc2, 0x9b])
        let descriptor = path.withCString { Glibc.open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        ftruncate(descriptor, 4096)
        close(descriptor)
        let line: ByteString = "0 8 linear \(path) 0"
        for name in ["one", "two"] as [ByteString] {
            let result = fixture.run(
                ["create", name, "--table", line], personality: .dmfuse)
            #expect(result.status == 0, "\(result.errors)")
        }
        let shown = fixture.run(["table", "--paths", "one"], personality: .dmfuse)
        #expect(shown.bytes == line.bytes + [0x0a])
    }

    @Test("a mount and its socket are found by the bytes of their paths")
    func sockets() throws {
        let fixture = try DaemonFixture()
        let mount = ByteString(fixture.directory) + "/" + ByteString([0x6d, 0xff])
        _ = mount.withCString { mkdir($0, 0o700) }
        _ = (mount + "/mapper").withCString { mkdir($0, 0o700) }
        _ = (mount + "/mapper/control").withCString {
            symlink(fixture.directory + "/socket", $0)
        }
        let client = try ControlClient(mount: mount, deviceDirectory: mount)
        #expect(try client.version() == .driver)
    }

    // MARK: Our own verbs

    @Test(
        "a path need not be UTF-8, and may begin with a mark",
        arguments: [[0x2f, 0xff], Array("\u{301}x".utf8)])
    func verbPaths(bytes: [UInt8]) throws {
        let path = ByteString(bytes)
        #expect(try VerbOptions([path], [.threads]).words == [path])
        let run = try VerbOptions(
            ["--dir=\(path)", "--reasons=\(path)", "--", "true"], [.reasons], stopsAtWord: true)
        #expect(run.value(of: .directory) == path && run.value(of: .reasons) == path)
        #expect(run.words == ["true"])
    }

    @Test("what is refused is named as it was written, on one line")
    func verbRefusals() {
        let recorder = Recorder()
        let word = ByteString([0x61, 0xff, 0x0a])
        let line = OwnCommandLine(
            programName: "dmfuse", console: recorder.console(),
            surroundings: .process(commit: "abc"))
        #expect(line.run(["mount", "--threads", word, "/m"]) == 1)
        #expect(recorder.errorText.contains(#"'a\xff\x0a'"#), "\(recorder.errorText)")
        #expect(recorder.errorText.utf8.count(where: { $0 == 0x0a }) == 1)
    }

    @Test("a verb is one to the byte")
    func verbs() {
        #expect(VerbTable.find("mount")?.name == "mount")
        #expect(VerbTable.find("mount\u{301}") == nil)
        #expect(CommandTable.find("ls") != nil)
        #expect(CommandTable.find(ByteString("ls\u{0}")) == nil)
    }

    // MARK: Lines on standard error

    @Test(
        "control characters of a name are shown, under either name of ours",
        arguments: [Personality.dmfuse, .dmsetup])
    func refusals(personality: Personality) throws {
        let fixture = try DaemonFixture()
        let name = ByteString("a\n\u{1b}[2J\u{9b}/b\u{202e}")
        for words in [["create", name, "--notable"], ["info", name]] as [[ByteString]] {
            let result = fixture.run(words, personality: personality)
            #expect(result.status == 1)
            #expect(result.errors.contains(#"a\x0a\x1b[2J\xc2\x9b/b\xe2\x80\xae"#))
            let said = result.errors.utf8.filter { $0 != 0x0a }
            #expect(Printable.bytes(said) == said)
        }
        let table = fixture.run(
            ["create", "x", "--table", "0 8 linear /no/\u{600}%n\u{1b}]0;x\u{7} 0"],
            personality: personality)
        // As bytes: the mark and the percent sign are one Character.
        let said = ByteString(table.errors)
        #expect(said.contains(#"%n\x1b]0;x\x07: "#), "\(table.errors)")
    }

    @Test("the command and the option that are refused are shown, too")
    func options() throws {
        let fixture = try DaemonFixture()
        for words in [["x\u{1b}"], ["--x\u{1b}"], ["-\u{1b}"], ["ls", "-o", "\u{1b}"]] {
            let result = fixture.run(words, personality: .dmfuse)
            #expect(result.status == 1)
            #expect(result.errors.contains(#"\x1b"#) && !result.errors.contains("\u{1b}"))
        }
    }

    @Test(
        "a daemon that can't start names its directory once, whatever that holds",
        arguments: [
            ("/m", "/m: gone", "mount /m: Permission denied: gone"),
            ("/m", "other", "mount /m: Permission denied: other"),
            ("/m", "/m", "mount /m: Permission denied"),
            ("/m", "/m\u{301}: gone", "mount /m: Permission denied: \u{301}: gone"),
            ("/a\n", #"/a\x0a: gone"#, #"mount /a\x0a: Permission denied: gone"#),
            ("/a", "/a: b\nc", #"mount /a: Permission denied: b\x0ac"#),
        ])
    func daemonLine(directory: String, message: String, line: String) {
        let made = Daemon.line(ByteString(directory), DMError(.permissionDenied, message))
        #expect(Array(made.utf8) == Array(line.utf8))
    }

    @Test("the line of a daemon that can't start stays one line on its way")
    func readiness() {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let readiness = Readiness(descriptor: ends[1], console: Recorder().console())
        readiness.reportFailure("mount a\nb: no")
        #expect(Readiness.wait(on: ends[0]) == #"mount a\x0ab: no"#)
        close(ends[0])
    }
}
