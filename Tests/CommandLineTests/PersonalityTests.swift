import DeviceMapper
import Testing

@testable import DMCommandLine

/// Called dmfuse, a refusal is one line: the command, the device, the errno and the reason.
@Suite struct PersonalityTests {
    /// A device "one" over a file of 1 MiB, and one above it.
    private func fixture() throws -> DaemonFixture {
        let fixture = try DaemonFixture()
        fixture.addFile("loop0", size: 1 << 20)
        let lines = ["0 1024 linear \(fixture.directory)/loop0 16", "0 8 linear 254:0 0"]
        for (name, line) in zip(["one", "top"], lines) {
            #expect(fixture.run(["create", name, "--table", line]).errors == "")
        }
        return fixture
    }

    private static let seeTargets = "; 'dmfuse targets' lists those that there are"
    private static let refusals: [(words: [String], line: String)] = [
        (
            ["create", "t", "--table", "0 16 striped 2 7 7:0 0 7:0 0"],
            "dmfuse: create t: Invalid argument: "
                + "striped: Target length not divisible by chunk size"
        ),
        (
            ["create", "t", "--table", "0 8 nosuch"],
            "dmfuse: create t: Invalid argument: nosuch: unknown target type\(seeTargets)"
        ),
        (
            ["create", "t", "--table", "8 8 zero"],
            "dmfuse: create t: Invalid argument: zero: Gap in table"
        ),
        (
            ["create", "t", "--table", "0 8"],
            "dmfuse: create t: Invalid format on line 1 of table ."
        ),
        (
            ["create", "one", "--notable"],
            "dmfuse: create one: Device or resource busy: there is a device of that name"
        ),
        (["create", "a/b"], #"dmfuse: create a/b: Name "a/b" invalid. It contains "/"."#),
        (
            ["create", "t", "/nosuch"],
            "dmfuse: create t: /nosuch: No such file or directory"
        ),
        (["create", "t", "/"], "dmfuse: create t: /: Is a directory"),
        (
            ["create", "one", "--table", "0 8 zero"],
            "dmfuse: create one: Device or resource busy: there is a device of that name"
        ),
        (
            ["create", "t", "-j", "254", "-m", "0", "--table", "0 8 zero"],
            "dmfuse: create t: No such device or address: minor 0 is taken"
        ),
        (["info", "nosuch"], "dmfuse: info nosuch: No such device or address"),
        (["table", "nosuch"], "dmfuse: table nosuch: No such device or address"),
        (["remove", "one"], "dmfuse: remove one: Device or resource busy"),
        (["remove", "--retry", "one"], "dmfuse: remove one: Device or resource busy"),
        (["remove", "-u", "none"], "dmfuse: remove none: No such device or address"),
        (["table", "-j", "254", "-m", "9"], "dmfuse: table 254:9: No such device or address"),
        (["rename", "one", ""], "dmfuse: rename one: Non empty new name is required."),
        (
            ["rename", "one", "top"],
            "dmfuse: rename one: Device or resource busy: "
                + "Unable to change name on mapped device one to one that already exists: top"
        ),
        (
            ["message", "one", "0", "hello"],
            "dmfuse: message one: Invalid argument: Target type does not support messages"
        ),
        (["suspend"], "dmfuse: suspend: No device specified."),
        (["frobnicate"], "dmfuse: frobnicate: Unknown command. Try 'dmfuse --help'."),
        (
            ["ls", "one"],
            "dmfuse: ls: Incorrect number of arguments. Try 'dmfuse ls --help'."
        ),
        (["ls", "--frob"], "dmfuse: unrecognized option '--frob'"),
        (["ls", "-o", "frob"], "dmfuse: ls: Option not recognised: frob."),
        (["info", "-c", "-o", "frob"], "dmfuse: info: Unrecognised field: frob"),
        (["info", "-c", "-S", "frob=1"], "dmfuse: info: Unrecognised selection field: frob"),
    ]

    @Test("a refusal is one line and changes nothing", arguments: refusals)
    func refuses(words: [String], line: String) throws {
        let fixture = try fixture()
        let before = fixture.run(["table"]).output
        let result = fixture.run(words, personality: .dmfuse)
        #expect(result.errors == line + "\n")
        #expect(result.output.isEmpty)
        #expect(result.status == 1)
        #expect(fixture.run(["table"]).output == before)
    }

    @Test("remove --retry tries 25 times, and succeeds when the device is closed meanwhile")
    func retries() throws {
        let fixture = try fixture()
        #expect(fixture.run(["remove", "top"]).status == 0)
        try fixture.open("one", as: "3")
        let busy = fixture.run(["remove", "--retry", "one"])
        let line = "device-mapper: remove ioctl on one  failed: Device or resource busy\n"
        #expect(busy.errors == String(repeating: line, count: 25) + "Command failed.\n")
        var pauses = 0
        let patient = fixture.run(["remove", "--retry", "one"]) {
            pauses += 1
            if pauses == 3 { fixture.close("3") }
        }
        #expect(patient.status == 0)
        #expect(pauses >= 3)
    }

    @Test("remove_all --force names what is left, and succeeds")
    func removeAll() throws {
        let fixture = try fixture()
        try fixture.open("one", as: "3")
        let result = fixture.run(["remove_all", "--force"], personality: .dmfuse)
        #expect(result.errors == "dmfuse: remove_all: still open: one\n")
        #expect(result.status == 0)
        #expect(fixture.run(["table", "one"]).output == "0 1024 error \n")
        fixture.close("3")
    }

    @Test("rename finds the device by uuid and number, which dmsetup can't")
    func renames() throws {
        let fixture = try fixture()
        let byNumber = fixture.run(
            ["rename", "-j", "254", "-m", "0", "two"], personality: .dmfuse)
        #expect(byNumber.status == 0)
        #expect(fixture.run(["rename", "two", "--setuuid", "U"]).status == 0)
        #expect(fixture.run(["rename", "-u", "U", "three"], personality: .dmfuse).status == 0)
        #expect(fixture.run(["rename", "-u", "U", "four"], personality: .dmsetup).status == 1)
        #expect(fixture.run(["ls"]).output == "three\t(254:0)\ntop\t(254:1)\n")
    }

    @Test("what table prints, by number or by path, makes the same device again")
    func tableRoundTrip() throws {
        let fixture = try fixture()
        let byNumber = fixture.run(["table", "one"]).output
        let byPath = fixture.run(["table", "--paths", "one"]).output
        #expect(byNumber == "0 1024 linear 7:0 16\n")
        #expect(byPath == "0 1024 linear \(fixture.directory)/loop0 16\n")
        for (name, text) in [("x", byNumber), ("y", byPath)] {
            #expect(fixture.run(["create", name], input: text).status == 0)
            #expect(fixture.run(["table", name]).output == byNumber)
        }
    }

    @Test("as dmsetup a backslash is itself; as dmfuse it quotes, and --paths prints it so")
    func backslash() throws {
        let fixture = try fixture()
        fixture.addFile(#"back\slash"#, size: 4096)
        fixture.addFile("b l a n k", size: 4096)
        let plain = #"0 8 linear \#(fixture.directory)/back\slash 0"#
        #expect(fixture.run(["create", "b", "--table", plain]).errors == "")
        let quoted = #"0 8 linear \#(fixture.directory)/back\\slash 0"#
        #expect(fixture.run(["table", "--paths", "b"]).output == quoted + "\n")
        let blanks = #"0 8 linear \#(fixture.directory)/b\ l\ a\ n\ k 0"#
        for (name, text) in [("c", quoted), ("d", blanks)] {
            let created = fixture.run(["create", name], personality: .dmfuse, input: text)
            #expect(created.errors == "")
            #expect(fixture.run(["table", "--paths", name]).output == text + "\n")
        }
    }

    @Test("a refusal of create --concise names the device that it is about")
    func concise() throws {
        let fixture = try fixture()
        func errors(_ text: String) -> String {
            fixture.run(["create", "--concise", text], personality: .dmfuse).errors
        }
        #expect(
            errors("a,,,,0 8 zero;b,,,,0 8 nosuch")
                == "dmfuse: create b: Invalid argument: nosuch: unknown target type\(Self.seeTargets)\n"
        )
        #expect(errors("a,,,,0 8 zero").hasPrefix("dmfuse: create a: Device or resource busy"))
        #expect(errors("c,,,,0").hasPrefix("dmfuse: create c: Invalid format"))
        #expect(errors("d,,").hasPrefix("dmfuse: create: Incomplete entry"))
    }

    @Test("a table of 100,000 lines goes out and comes back")
    func longTable() throws {
        let fixture = try fixture()
        let lines = (0..<100_000).map { "\($0 * 8) 8 linear 7:0 \($0 % 200 * 8)\n" }.joined()
        let created = fixture.run(["create", "long"], input: lines)
        #expect(created.errors == "")
        #expect(fixture.run(["table", "long"]).output == lines)
    }

}
