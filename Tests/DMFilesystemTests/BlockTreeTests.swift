import DeviceMapper
import Glibc
import Testing

@testable import DMFilesystem

/// DIR/block and DIR/proc, as far as no block device of the machine is needed.
@Suite struct BlockTreeTests {
    private let registry: DeviceRegistry
    private let tree: Tree

    init() {
        registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 240, backingMajor: 241))
        tree = Tree(
            registry: registry, owner: Owner(user: 7, group: 8), controlSocket: ByteString("/s"))
    }

    // MARK: Devices

    @discardableResult
    private func create(_ name: String, minor: UInt32, uuid: String = "") throws -> DeviceReference
    {
        let info = try registry.create(
            name: ByteString(name), uuid: ByteString(uuid), minor: minor)
        return .number(info.number)
    }

    private func load(
        _ reference: DeviceReference, _ target: String, _ parameters: String = "",
        readOnly: Bool = false
    ) throws {
        let paths = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
            mountPoint: ByteString("/nowhere"), mountDevice: 0)
        let line = TableLine(
            start: 0, length: 16, targetType: ByteString(target), parameters: ByteString(parameters)
        )
        _ = try registry.load(reference, lines: [line], readOnly: readOnly, resolver: paths)
    }

    // MARK: Looking

    private func lookUp(_ path: String) -> NodeNumber? {
        var node: NodeNumber? = NodeNumber(.root)
        for name in path.split(separator: "/") {
            node = node.flatMap { tree.lookup(ByteString(String(name)), in: $0)?.node }
        }
        return node
    }

    private func names(_ path: String) throws -> [String] {
        let directory = try #require(lookUp(path), "\(path)")
        return try #require(tree.entries(of: directory)).dropFirst(2).map(\.name.string)
    }

    private func text(_ path: String) throws -> String {
        let node = try #require(lookUp(path), "\(path)")
        let text = try #require(tree.block.text(of: node))
        return String(decoding: text.bytes, as: UTF8.self)
    }

    private func link(_ path: String) -> String? {
        lookUp(path).flatMap { tree.target(of: $0) }?.string
    }

    // MARK: Tests

    @Test("a device is there from its first table on, live or not, until it is removed")
    func begins() throws {
        let device = try create("a", minor: 3)
        #expect(try names("block") == [])
        #expect(lookUp("block/dm-3") == nil)
        try load(device, "zero")
        #expect(try names("block") == ["dm-3"])
        #expect(try text("block/dm-3/size") == "0\n")
        _ = try registry.clear(device)
        #expect(try names("block") == ["dm-3"])
        try load(device, "zero")
        _ = try registry.resume(device)
        #expect(try text("block/dm-3/size") == "16\n")
        let size = try #require(lookUp("block/dm-3/size"))
        _ = try registry.remove(device, deferred: false)
        #expect(lookUp("block/dm-3") == nil)
        #expect(tree.attributes(of: size) == nil)
        #expect(tree.block.text(of: size) == nil)
        try load(try create("b", minor: 3), "zero")
        #expect(tree.block.text(of: size) == nil)
    }

    @Test("the files say what the device is")
    func texts() throws {
        let device = try create("a b", minor: 3, uuid: "U-1")
        try load(device, "zero", readOnly: true)
        _ = try registry.resume(device)
        let expected = [
            "dev": "240:3", "ro": "1", "removable": "0", "alignment_offset": "0", "dm/name": "a b",
            "dm/uuid": "U-1", "dm/suspended": "0", "dm/rq_based_seq_io_merge_deadline": "0",
            "queue/logical_block_size": "512", "queue/discard_max_bytes": "0",
            "queue/rotational": "0", "queue/max_sectors_kb": "2147483647",
            "queue/read_ahead_kb": "128", "bdi/read_ahead_kb": "128",
            "queue/write_cache": "write through", "inflight": "       0        0",
            "uevent": "MAJOR=240\nMINOR=3\nDEVNAME=dm-3\nDEVTYPE=disk\nDISKSEQ=1",
            "stat": Array(repeating: "       0", count: 17).joined(separator: " "),
        ]
        for (file, line) in expected {
            #expect(try text("block/dm-3/\(file)") == line + "\n", "\(file)")
        }
        _ = try registry.suspend(device)
        #expect(try text("block/dm-3/dm/suspended") == "1\n")
        _ = try registry.rename(ByteString("a b"), to: ByteString("c"))
        #expect(try text("block/dm-3/dm/name") == "c\n")
        #expect(try text("proc/partitions") == " 240        3          8 dm-3\n")
        #expect(
            try text("proc/diskstats") == " 240       3 dm-3" + String(repeating: " 0", count: 17)
                + "\n")
    }

    @Test("slaves and holders are two sides of one thing, for inactive tables as well")
    func dependencies() throws {
        let lower = try create("lower", minor: 1)
        try load(lower, "zero")
        _ = try registry.resume(lower)
        let upper = try create("upper", minor: 2)
        try load(upper, "linear", "240:1 0")
        #expect(try names("block/dm-2/slaves") == ["dm-1"])
        #expect(try names("block/dm-1/holders") == ["dm-2"])
        #expect(link("block/dm-2/slaves/dm-1") == "../../dm-1")
        #expect(link("block/dm-1/holders/dm-2") == "../../dm-2")
        #expect(link("block/dm-1/slaves/dm-2") == nil)
        #expect(link("block/dm-2/holders/dm-1") == nil)
        let slave = try #require(lookUp("block/dm-2/slaves/dm-1"))
        _ = try registry.clear(upper)
        #expect(try names("block/dm-2/slaves") == [])
        #expect(try names("block/dm-1/holders") == [])
        #expect(tree.target(of: slave) == nil)
        try load(upper, "linear", "240:1 0")
        _ = try registry.resume(upper)
        #expect(try names("block/dm-2/slaves") == ["dm-1"])
        try load(upper, "zero")
        #expect(try names("block/dm-2/slaves") == ["dm-1"], "the live one still has it")
        _ = try registry.resume(upper)
        #expect(try names("block/dm-1/holders") == [])
    }

    @Test("what a listing shows is what a lookup finds, and has one number")
    func listingMatchesLookup() throws {
        let lower = try create("lower", minor: 1)
        try load(lower, "zero")
        try load(try create("upper", minor: 2), "linear", "240:1 0")
        var directories = ["block", "proc"]
        var numbers = Set<NodeNumber>()
        while let directory = directories.popLast() {
            let parent = try #require(lookUp(directory))
            let entries = try #require(tree.entries(of: parent))
            #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.cookie < $1.cookie })
            for entry in entries.dropFirst(2) {
                let found = try #require(tree.lookup(entry.name, in: parent))
                #expect(found.node == entry.node)
                #expect(found.mode & S_IFMT == entry.type)
                #expect(tree.attributes(of: found.node) == found)
                #expect(numbers.insert(found.node).inserted, "\(directory)/\(entry.name)")
                let kind = try #require(found.node.kind)
                #expect(NodeNumber(kind) == found.node)
                if entry.type == S_IFDIR { directories.append("\(directory)/\(entry.name.string)") }
            }
        }
        #expect(numbers.count > 100)
    }

    @Test("nothing but the read-ahead takes a write, and names that aren't there are nothing")
    func writable() throws {
        try load(try create("a", minor: 1), "zero")
        for file in ["queue/read_ahead_kb", "bdi/read_ahead_kb"] {
            let node = try #require(lookUp("block/dm-1/\(file)"))
            #expect(tree.block.isWritable(node))
        }
        for file in ["ro", "size", "queue", "queue/nr_requests", "subsystem"] {
            let node = try #require(lookUp("block/dm-1/\(file)"))
            #expect(!tree.block.isWritable(node))
        }
        for path in [
            "block/dm-2", "block/dm-01", "block/dm-1/x", "block/dm-1/dm/size",
            "block/dm-1/holders/x",
            "block/no such disk", "block/..", "block/dm-1/slaves/dm-1", "proc/x",
        ] {
            #expect(lookUp(path) == nil, "\(path)")
        }
    }

    @Test("a text that is read on is the one that was begun, and a new one from the beginning")
    func readingOn() throws {
        let memory = KeptMemory()
        let file = TextFile(NodeNumber(.partitions), memory)
        var made = [ByteString("first"), ByteString("other")]
        func read(_ offset: Int, _ size: Int) -> String? {
            let answer = file.read(from: offset, size: size) {
                made.isEmpty ? nil : made.removeFirst()
            }
            guard case .bytes(let bytes) = answer else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(read(0, 2) == "fi")
        #expect(memory.bytes == 5)
        #expect(read(2, 10) == "rst")
        #expect(memory.bytes == 0)
        #expect(read(5, 10) == "")
        #expect(read(-1, 10) == "" && read(Int.max, Int.max) == "")
        #expect(read(0, Int.max) == "other")
        #expect(read(0, 10) == nil)
    }

    @Test("what is begun, and not read on, is kept up to a bound; beyond it, it is made anew")
    func keptTexts() {
        let memory = KeptMemory(limit: 20)
        var files = (0..<3).map { _ in TextFile(NodeNumber(.partitions), memory) }
        func read(_ file: TextFile, _ offset: Int, _ size: Int, now text: String) -> String? {
            let answer = file.read(from: offset, size: size) { ByteString(text) }
            guard case .bytes(let bytes) = answer else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(files.map { read($0, 0, 1, now: "abcdefghij") } == ["a", "a", "a"])
        #expect(memory.bytes == 20)
        // The last two have theirs, the first has what is said now: all of it, or no more.
        #expect(read(files[2], 1, 1, now: "0123456789") == "b")
        #expect(read(files[0], 1, 1, now: "0123456789") == "1")
        #expect(read(files[0], 2, 20, now: "") == "23456789")
        #expect(read(files[1], 1, 20, now: "01234") == "1234")
        #expect(read(files[1], 5, 20, now: "0123456789") == "")
        // What is read at once needs no room, and what is read to its end gives its own back.
        #expect(read(files[0], 0, 10, now: "abcdefghij") == "abcdefghij")
        #expect(memory.bytes == 10)
        #expect(read(files[2], 2, 20, now: "") == "cdefghij")
        #expect(memory.bytes == 0)
        #expect(read(files[0], 0, 1, now: "abcdefghij") == "a")
        files = []
        #expect(memory.bytes == 0)
    }
}
