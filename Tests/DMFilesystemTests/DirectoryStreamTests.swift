import DeviceMapper
import Glibc
import Testing

@testable import DMFilesystem

@Suite struct DirectoryStreamTests {
    private func entries(_ minors: [UInt32]) -> [DirectoryEntry] {
        DirectoryEntry.dots(self: .root, parent: .root)
            + minors.map { minor in
                DirectoryEntry(
                    cookie: DirectoryEntry.cookie(minor: minor), name: ByteString("dm-\(minor)"),
                    node: NodeNumber(.device(minor: minor, generation: 1)), type: S_IFREG)
            }
    }

    @Test("a position leads to the entry after it, whether or not its own is still there")
    func positions() {
        let list = entries([0, 5, 9])
        #expect(DirectoryStream.index(after: 0, in: list) == 0)
        #expect(DirectoryStream.index(after: 2, in: list) == 2)
        #expect(DirectoryStream.index(after: DirectoryEntry.cookie(minor: 0), in: list) == 3)
        #expect(DirectoryStream.index(after: DirectoryEntry.cookie(minor: 3), in: list) == 3)
        #expect(DirectoryStream.index(after: DirectoryEntry.cookie(minor: 9), in: list) == 5)
        #expect(DirectoryStream.index(after: Int.max, in: list) == 5)
    }

    @Test("the list is made at the beginning, and kept until the reader starts again")
    func keepsList() throws {
        let stream = DirectoryStream()
        let first = try #require(stream.entries(after: 0) { entries([0, 1]) })
        #expect(first.count == 4)
        let rest = try #require(stream.entries(after: 2) { entries([]) })
        #expect(rest.map(\.name.string) == ["dm-0", "dm-1"])
        #expect(try #require(stream.entries(after: 0) { entries([]) }).count == 2)
    }

    @Test("a reader of another daemon goes on where it was")
    func withoutList() throws {
        let stream = DirectoryStream()
        let position = DirectoryEntry.cookie(minor: 1)
        let rest = try #require(stream.entries(after: position) { entries([0, 1, 2, 7]) })
        #expect(rest.map(\.name.string) == ["dm-2", "dm-7"])
    }
}
