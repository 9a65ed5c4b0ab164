import DeviceMapper
import Glibc
import Testing

@testable import DMFilesystem

@Suite struct TreeTests {
    private let registry: DeviceRegistry
    private let tree: Tree
    private let root = NodeNumber(.root)
    private let mapper = NodeNumber(.mapperDirectory)

    init() {
        registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 240, backingMajor: 241))
        tree = Tree(
            registry: registry, owner: Owner(user: 7, group: 8),
            controlSocket: ByteString("/run/socket"))
    }

    @discardableResult
    private func create(
        _ name: String, minor: UInt32? = nil, sectors: UInt64? = nil, readOnly: Bool = false
    ) throws -> DeviceInfo {
        let info = try registry.create(name: ByteString(name), uuid: .empty, minor: minor)
        guard let sectors else { return info }
        let line = TableLine(
            start: 0, length: sectors, targetType: ByteString("zero"), parameters: .empty)
        let paths = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
            mountPoint: ByteString("/nowhere"), mountDevice: 0)
        _ = try registry.load(
            .number(info.number), lines: [line], readOnly: readOnly, resolver: paths)
        return try registry.resume(.number(info.number))
    }

    private func names(_ directory: NodeNumber) throws -> [String] {
        try #require(tree.entries(of: directory)).map(\.name.string)
    }

    @Test("a device is a regular file of its exact size, for its owner alone")
    func deviceFile() throws {
        try create("a", minor: 3, sectors: 5)
        let found = try #require(tree.lookup(ByteString("dm-3"), in: root))
        let status = found.status(tree.owner)
        #expect(status.st_mode == S_IFREG | 0o600)
        #expect(status.st_size == 5 * 512)
        #expect(status.st_blocks == 5)
        #expect(status.st_uid == 7 && status.st_gid == 8)
        #expect(UInt64(status.st_ino) == found.node.rawValue)
        #expect(tree.attributes(of: found.node) == found)
    }

    @Test("a read-only device is 0400, one without a table empty")
    func modes() throws {
        try create("ro", minor: 0, sectors: 1, readOnly: true)
        try create("bare", minor: 1)
        #expect(tree.lookup(ByteString("dm-0"), in: root)?.mode == S_IFREG | 0o400)
        #expect(tree.lookup(ByteString("dm-1"), in: root)?.size == 0)
    }

    @Test("a name in the mapper directory is a link to the device's file")
    func link() throws {
        try create("some.name", minor: 12)
        let found = try #require(tree.lookup(ByteString("some.name"), in: mapper))
        #expect(found.mode & S_IFMT == S_IFLNK)
        #expect(tree.target(of: found.node) == ByteString("../dm-12"))
        #expect(found.size == 8)
        #expect(tree.attributes(of: found.node) == found)
    }

    @Test("the control link leads to the socket, and no device hides it")
    func control() throws {
        let found = try #require(tree.lookup(ByteString("control"), in: mapper))
        #expect(tree.target(of: found.node) == ByteString("/run/socket"))
        #expect(try names(mapper) == [".", "..", "control"])
    }

    @Test("nodes are fixed: a removed device's is nothing, its successor's is another")
    func generations() throws {
        try create("a", minor: 5)
        let file = try #require(tree.lookup(ByteString("dm-5"), in: root)).node
        let link = try #require(tree.lookup(ByteString("a"), in: mapper)).node
        #expect(file != link)
        _ = try registry.rename(ByteString("a"), to: ByteString("b"))
        #expect(tree.lookup(ByteString("a"), in: mapper) == nil)
        #expect(tree.lookup(ByteString("b"), in: mapper)?.node == link)
        _ = try registry.remove(.name(ByteString("b")), deferred: false)
        #expect(tree.attributes(of: file) == nil)
        #expect(tree.target(of: link) == nil)
        try create("a", minor: 5)
        #expect(tree.lookup(ByteString("dm-5"), in: root)?.node != file)
        #expect(tree.attributes(of: file) == nil)
    }

    @Test(
        "other spellings of a device's file are nothing",
        arguments: ["dm-05", "dm-+5", "dm-", "dm-5x", "dm5", "DM-5", "dm-4294967301", ""])
    func spellings(name: String) throws {
        try create("a", minor: 5)
        #expect(tree.lookup(ByteString(name), in: root) == nil)
    }

    @Test("nodes that were never given out are nothing", arguments: [0, 8, UInt64.max, 3 << 20])
    func strangeNodes(number: UInt64) {
        let node = NodeNumber(rawValue: number)
        #expect(tree.attributes(of: node) == nil)
        #expect(tree.target(of: node) == nil)
        #expect(tree.entries(of: node) == nil)
        #expect(tree.lookup(ByteString("mapper"), in: node) == nil)
    }

    @Test("a listing is in the order of minors, its positions rise and stay")
    func listing() throws {
        for minor: UInt32 in [9, 2, 30] { try create("n\(minor)", minor: minor) }
        #expect(try names(root) == [".", "..", "mapper", "block", "proc", "dm-2", "dm-9", "dm-30"])
        #expect(try names(mapper) == [".", "..", "control", "n2", "n9", "n30"])
        let before = try #require(tree.entries(of: mapper))
        #expect(zip(before, before.dropFirst()).allSatisfy { $0.cookie < $1.cookie })
        _ = try registry.remove(.name(ByteString("n2")), deferred: false)
        let after = try #require(tree.entries(of: mapper))
        #expect(after.last == before.last)
    }

    @Test("what a listing shows is what a lookup finds")
    func listingMatchesLookup() throws {
        try create("plain", minor: 1)
        try create("with space", minor: 2)
        try create("ünïcödé", minor: 3)
        for directory in [root, mapper] {
            for entry in try #require(tree.entries(of: directory)).dropFirst(2) {
                let found = try #require(tree.lookup(entry.name, in: directory))
                #expect(found.node == entry.node)
                #expect(found.mode & S_IFMT == entry.type)
            }
        }
    }

    @Test("what users made is listed and found beside the devices, whose names they can't take")
    func userLinks() throws {
        try create("a", minor: 2)
        let made = tree.links.make(
            ByteString("vg"), in: root, target: nil, mode: 0o755, owner: tree.owner)
        let directory = try made.get().node
        let link = tree.links.make(
            ByteString("lv"), in: directory, target: ByteString("../mapper/a"), mode: 0,
            owner: tree.owner)
        #expect(try names(root) == [".", "..", "mapper", "block", "proc", "dm-2", "vg"])
        #expect(try names(directory) == [".", "..", "lv"])
        #expect(tree.lookup(ByteString("vg"), in: root)?.node == directory)
        #expect(tree.target(of: try link.get().node) == ByteString("../mapper/a"))
        #expect(tree.attributes(of: root)?.linkCount == 6)
        for name in ["mapper", "block", "proc", "dm-0", "dm-2", "dm-7"] {
            #expect(tree.isReserved(ByteString(name), in: root))
        }
        #expect(!tree.isReserved(ByteString("dm-07"), in: root))
        #expect(!tree.isReserved(ByteString("dm-2"), in: directory))
        #expect(tree.isReserved(ByteString("x"), in: mapper))
    }

    @Test("a link is called as its device is, whatever bytes that are")
    func names() throws {
        let names = [#"a\x20b"#, "c d", #"\x61"#, "back\\slash", ".hidden", "a b"]
        for (minor, name) in names.enumerated() { try create(name, minor: UInt32(minor) + 1) }
        #expect(try self.names(mapper).dropFirst(3) == names[...])
        #expect(tree.lookup(ByteString("a"), in: mapper) == nil)
        let found = try #require(tree.lookup(ByteString(#"a\x20b"#), in: mapper))
        #expect(tree.target(of: found.node) == ByteString("../dm-1"))
    }
}
