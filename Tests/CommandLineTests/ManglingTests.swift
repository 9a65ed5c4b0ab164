import DeviceMapper
import Testing

@testable import DMCommandLine

@Suite struct ManglingTests {
    @Test(
        "auto mangles what isn't on the white list, and keeps what is mangled",
        arguments: [
            ("plain-0.9_#+:=@", "plain-0.9_#+:=@"), ("sp ace", #"sp\x20ace"#),
            (#"a\x41b"#, #"a\x41b"#), (#"a\b"#, #"a\x5cb"#), ("é", #"\xc3\xa9"#),
        ])
    func mangles(name: String, mangled: String) throws {
        let result = try Mangling.mangle(ByteString(name), .name, mode: .auto)
        #expect(result == ByteString(mangled))
        #expect(try Mangling.mangle(ByteString(name), .name, mode: .none) == ByteString(name))
    }

    @Test("hex mangles again what is mangled")
    func hex() throws {
        let result = try Mangling.mangle(ByteString(#"a\x41b"#), .name, mode: .hex)
        #expect(result == ByteString(#"a\x5cx41b"#))
    }

    @Test("what is shown is unmangled, unless mangling is off")
    func unmangles() throws {
        let held = ByteString(#"sp\x20ace"#)
        #expect(try Mangling.unmangle(held, .name, mode: .auto) == ByteString("sp ace"))
        #expect(try Mangling.unmangle(held, .name, mode: .none) == held)
        #expect(Mangling.decoded(ByteString(#"a\x41b"#)) == ByteString("aAb"))
    }

    @Test("a mixture, and what was mangled twice, are refused in libdevmapper's words")
    func refusals() throws {
        let mixed = #expect(throws: Refusal.self) {
            try Mangling.mangle(ByteString(#"a b\x20"#), .name, mode: .auto)
        }
        #expect(
            mixed?.lines == [
                #"The name "a b\x20" contains mixed mangled and unmangled characters "#
                    + "or it's already mangled improperly.",
                #"Failed to mangle device name "a b\x20"."#,
            ])
        let twice = #expect(throws: Refusal.self) {
            try Mangling.mangle(ByteString(#"a\x5cx20"#), .newName, mode: .auto)
        }
        #expect(
            twice?.lines == [
                #"The new name "a\x5cx20" seems to be mangled more than once. "#
                    + "This is not allowed in auto mode."
            ])
        let blank = #expect(throws: Refusal.self) {
            try Mangling.unmangle(ByteString("a b"), .name, mode: .auto)
        }
        #expect(
            blank?.lines == [
                #"The name "a b" should be mangled but it contains blacklisted characters."#
            ])
    }

    @Test("the mangled form has the kernel's length at most")
    func lengths() throws {
        let longest = ByteString(String(repeating: "n", count: 128))
        #expect(try Mangling.mangle(longest, .uuid, mode: .auto) == longest)
        let refusal = #expect(throws: Refusal.self) {
            try Mangling.mangle(ByteString(String(repeating: "n", count: 129)), .uuid, mode: .auto)
        }
        let text = String(repeating: "n", count: 129)
        #expect(
            refusal?.lines == [
                "Mangled form of the UUID too long for \"\(text)\".",
                "Failed to mangle device uuid \"\(text)\".",
            ])
    }

    @Test(
        "LVM's names split at single hyphens",
        arguments: [
            ("vg-lv", "vg|lv|"), ("vg--x-lv-real", "vg-x|lv|real"), ("vg", "vg||"),
            ("vg-", "vg-||"), ("a--b--c", "a-b-c||"), ("vg-lv-a-b", "vg|lv|a"),
        ])
    func splits(name: String, parts: String) {
        let split = LVMName(ByteString(name), subsystem: ByteString("LVM"))
        let joined = [split.volumeGroup, split.logicalVolume, split.layer].map(\.string)
        #expect(joined.joined(separator: "|") == parts)
    }

    @Test("a name of another subsystem has no parts")
    func otherSubsystem() {
        let split = LVMName(ByteString("vg-lv"), uuid: ByteString("CRYPT-x"))
        #expect(split.subsystem == ByteString("CRYPT"))
        #expect(split.volumeGroup.isEmpty)
    }
}
