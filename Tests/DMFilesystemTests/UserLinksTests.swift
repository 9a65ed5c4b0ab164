import DeviceMapper
import Glibc
import SystemPackage
import Testing

@testable import DMFilesystem

@Suite struct UserLinksTests {
    private let root = NodeNumber(.root)
    private let owner = Owner(user: 7, group: 8)

    private func links(count: Int = 100, bytes: Int = 1000) -> UserLinks {
        var limits = UserLinks.Room()
        limits.count = count
        limits.bytes = bytes
        return UserLinks(limits: limits, time: 1)
    }

    private func link(
        _ links: UserLinks, _ name: ByteString, to target: ByteString = "x",
        in directory: NodeNumber? = nil
    ) -> Errno? {
        let made = links.make(
            name, in: directory ?? root, target: target, mode: 0, owner: owner)
        if case .failure(let error) = made { return error }
        return nil
    }

    private func directory(
        _ links: UserLinks, _ name: ByteString, in directory: NodeNumber? = nil
    ) throws -> NodeNumber {
        try links.make(name, in: directory ?? root, target: nil, mode: 0o755, owner: owner)
            .get().node
    }

    private func names(_ links: UserLinks, _ directory: NodeNumber) -> [String]? {
        links.entries(of: directory)?.map(\.name.string)
    }

    @Test("a link has its target, its length, and whoever made it as its owner")
    func shown() throws {
        let links = links()
        #expect(link(links, "lv", to: "../mapper/vg-lv") == nil)
        let found = try #require(links.lookup("lv", in: root))
        #expect(found.mode == S_IFLNK | 0o777)
        #expect(found.size == 15)
        #expect(found.owner == owner)
        #expect(links.target(of: found.node) == "../mapper/vg-lv")
        #expect(links.attributes(of: found.node) == found)
        #expect(links.entries(of: found.node) == nil)
    }

    @Test("directories nest, count each other, and list what is in them in the order of making")
    func nested() throws {
        let links = links()
        let outer = try directory(links, "vg")
        let inner = try directory(links, "inner", in: outer)
        #expect(link(links, "b", in: outer) == nil)
        #expect(link(links, "a", in: outer) == nil)
        #expect(links.directoriesInRoot == 1)
        #expect(links.attributes(of: outer)?.linkCount == 3)
        #expect(names(links, outer) == ["inner", "b", "a"])
        #expect(names(links, root) == ["vg"])
        #expect(links.parent(of: inner) == outer.kind)
        #expect(links.parent(of: outer) == .root)
        let cookies = try #require(links.entries(of: outer)).map(\.cookie)
        #expect(zip(cookies, cookies.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("names are bytes: two that Unicode takes for one are two")
    func bytes() {
        let links = links()
        #expect(link(links, ByteString([0x65, 0xcc, 0x81])) == nil)
        #expect(link(links, ByteString([0xc3, 0xa9])) == nil)
        #expect(link(links, ByteString([0xff, 0x0a])) == nil)
        #expect(link(links, ByteString([0xc3, 0xa9])) == .fileExists)
    }

    @Test("what is removed is gone, and its number is not used again")
    func removed() throws {
        let links = links()
        let first = try directory(links, "d")
        #expect(links.remove("d", in: root, isDirectory: true) == nil)
        #expect(links.attributes(of: first) == nil)
        #expect(links.entries(of: first) == nil)
        #expect(link(links, "x", in: first) == .noSuchFileOrDirectory)
        #expect(try directory(links, "d") != first)
        #expect(links.directoriesInRoot == 1)
    }

    @Test("each refusal has its errno, and changes nothing")
    func refusals() throws {
        let links = links()
        let full = try directory(links, "full")
        #expect(link(links, "l", in: full) == nil)
        #expect(link(links, "l") == nil)
        _ = try directory(links, "empty")
        #expect(links.remove("full", in: root, isDirectory: true) == .directoryNotEmpty)
        #expect(links.remove("full", in: root, isDirectory: false) == .isDirectory)
        #expect(links.remove("l", in: root, isDirectory: true) == .notDirectory)
        #expect(links.remove("none", in: root, isDirectory: false) == .noSuchFileOrDirectory)
        #expect(link(links, ByteString([UInt8](repeating: 0x61, count: 256))) == .fileNameTooLong)
        let elsewhere = NodeNumber(.mapperDirectory)
        #expect(link(links, "x", in: elsewhere) == .notPermitted)
        #expect(links.remove("x", in: elsewhere, isDirectory: false) == .notPermitted)
        func rename(_ name: ByteString, _ newName: ByteString, keeps: Bool = false) -> Errno? {
            links.rename(name, in: root, to: newName, in: root, keeps: keeps)
        }
        #expect(rename("l", "full") == .isDirectory)
        #expect(rename("full", "l") == .notDirectory)
        #expect(rename("empty", "full") == .directoryNotEmpty)
        #expect(rename("l", "empty", keeps: true) == .fileExists)
        #expect(rename("none", "l") == .noSuchFileOrDirectory)
        #expect(links.rename("full", in: root, to: "x", in: full, keeps: false) == .invalidArgument)
        #expect(
            links.rename("l", in: root, to: "l", in: elsewhere, keeps: false) == .notPermitted)
        #expect(names(links, root) == ["full", "l", "empty"])
        #expect(names(links, full) == ["l"])
    }

    @Test("a rename keeps the node, moves it and replaces what was there")
    func renames() throws {
        let links = links()
        let vg = try directory(links, "vg")
        #expect(link(links, "lv", to: "old", in: vg) == nil)
        #expect(link(links, ".tmp", to: "new") == nil)
        let node = try #require(links.lookup(".tmp", in: root)).node
        #expect(links.rename(".tmp", in: root, to: "lv", in: vg, keeps: false) == nil)
        #expect(links.lookup("lv", in: vg)?.node == node)
        #expect(links.target(of: node) == "new")
        #expect(links.lookup(".tmp", in: root) == nil)
        #expect(links.rename("vg", in: root, to: "vg2", in: root, keeps: true) == nil)
        #expect(links.lookup("vg2", in: root)?.node == vg)
        #expect(names(links, vg) == ["lv"])
        #expect(links.directoriesInRoot == 1)
        #expect(links.rename("vg2", in: root, to: "vg2", in: root, keeps: false) == nil)
    }

    @Test("so many and no more, and what is removed leaves its place to others")
    func count() throws {
        let links = links(count: 3)
        for name in ["a", "b", "c"] as [ByteString] { #expect(link(links, name) == nil) }
        #expect(link(links, "d") == .noSpace)
        #expect(links.remove("b", in: root, isDirectory: false) == nil)
        #expect(link(links, "d") == nil)
        #expect(link(links, "e") == .noSpace)
        #expect(links.rename("a", in: root, to: "d", in: root, keeps: false) == nil)
        #expect(link(links, "e") == nil)
    }

    @Test("names and targets have so many bytes together, renamed ones too")
    func size() {
        let links = links(bytes: 10)
        #expect(link(links, "a", to: "12345678") == nil)
        #expect(link(links, "b", to: "1") == .noSpace)
        #expect(link(links, "b", to: "") == nil)
        #expect(links.rename("b", in: root, to: "bb", in: root, keeps: false) == .noSpace)
        #expect(links.rename("b", in: root, to: "a", in: root, keeps: false) == nil)
        #expect(link(links, "c", to: "12345678") == nil)
        #expect(link(links, "d", to: "1") == .noSpace)
    }

    @Test("mode, owner and times of a directory are set; a link's mode isn't")
    func settings() throws {
        let links = links()
        let node = try directory(links, "d")
        var status = stat()
        status.st_mode = 0o700
        status.st_uid = 9
        status.st_mtim = timespec(tv_sec: 5, tv_nsec: 6)
        let wanted = 1 | 2 | 1 << 5  // FUSE_SET_ATTR_MODE, _UID, _MTIME
        links.change(node, status, Int32(wanted), over: Owner(user: 0, group: 0))
        let changed = try #require(links.attributes(of: node))
        #expect(changed.mode == S_IFDIR | 0o700)
        #expect(changed.owner == Owner(user: 9, group: 8))
        #expect(changed.times.modification == 5_000_000_006)
        #expect(link(links, "l") == nil)
        let other = try #require(links.lookup("l", in: root)).node
        links.change(other, status, 1, over: Owner(user: 0, group: 0))
        #expect(links.attributes(of: other)?.mode == S_IFLNK | 0o777)
    }

    @Test("a user's number is no device's, whatever it is", arguments: [1, 2, 1 << 20, 1 << 40])
    func numbers(item: UInt64) {
        let node = NodeNumber(.userItem(item))
        #expect(node.kind == .userItem(item))
        #expect(NodeNumber(rawValue: node.rawValue | 1).kind == nil)
        #expect(NodeNumber.nextUserItem(after: (1 << 41) - 1) == 1)
    }
}
