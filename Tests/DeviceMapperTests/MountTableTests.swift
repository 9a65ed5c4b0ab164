import Testing

@testable import DeviceMapper

@Suite struct MountTableTests {
    private func parse(_ text: String) -> [MountEntry] { MountTable.parse(Array(text.utf8)) }

    @Test("all that is used is read, whatever optional fields there are")
    func reads() throws {
        let entries = parse(
            """
            22 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/root rw
            40 22 0:45 / /mnt/dm rw,nosuid,nodev - fuse.dmfuse dmfuse rw,user_id=1000,group_id=7

            """)
        #expect(entries.count == 2)
        let ours = try #require(entries.last)
        #expect(ours.id == 40 && ours.parent == 22)
        #expect(ours.number == DeviceNumber(major: 0, minor: 45))
        #expect(ours.directory == ByteString("/mnt/dm"))
        #expect(ours.fileSystemType == ByteString("fuse.dmfuse"))
        #expect(ours.source == ByteString("dmfuse"))
        #expect(ours.options.map(\.string) == ["rw", "user_id=1000", "group_id=7"])
        #expect(entries[0].source == ByteString("/dev/root"))
    }

    @Test("escaped bytes of a directory are themselves again")
    func unescapes() {
        let entries = parse(#"1 1 0:5 / /a\040b\134c\011\8\+12 rw - fuse.dmfuse dmfuse rw"#)
        #expect(entries.first?.directory == ByteString("/a b\\c\t\\8\\+12"))
    }

    @Test("what was mounted from nothing is a mount, too")
    func emptySource() throws {
        let entries = parse("162 137 0:49 / /a rw,relatime - tmpfs  rw,size=4k")
        let found = try #require(entries.first)
        #expect(found.id == 162 && found.directory == ByteString("/a"))
        #expect(found.fileSystemType == ByteString("tmpfs") && found.source.isEmpty)
        #expect(found.options.map(\.string) == ["rw", "size=4k"])
    }

    @Test(
        "lines that read otherwise are left out",
        arguments: [
            "", " ", "1 1 0:5 / /a rw - fuse", "1 1 x:y / /a rw - fuse.dmfuse dmfuse rw",
            "1 1 05 / /a rw - fuse.dmfuse dmfuse rw", "1 1 0:5 / /a rw shared:1 master:1 fuse a b",
            "1 1 0:99999999999 / /a rw - fuse.dmfuse dmfuse rw",
            "1 1 0:+5 / /a rw - fuse.dmfuse dmfuse rw", "1 1 0:٥ / /a rw - fuse.dmfuse dmfuse rw",
        ])
    func garbage(line: String) {
        #expect(parse(line).isEmpty)
    }

    @Test("this process has mounts")
    func readsOwn() throws {
        #expect(try MountTable.read().contains { $0.directory == ByteString("/") })
    }
}
