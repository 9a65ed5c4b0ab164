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
        let stream = DirectoryStream(KeptMemory())
        let first = try #require(stream.entries(after: 0) { entries([0, 1]) })
        #expect(first.count == 4)
        let rest = try #require(stream.entries(after: 2) { entries([]) })
        #expect(rest.map(\.name.string) == ["dm-0", "dm-1"])
        #expect(try #require(stream.entries(after: 0) { entries([]) }).count == 2)
    }

    @Test("a reader of another daemon goes on where it was")
    func withoutList() throws {
        let stream = DirectoryStream(KeptMemory())
        let position = DirectoryEntry.cookie(minor: 1)
        let rest = try #require(stream.entries(after: position) { entries([0, 1, 2, 7]) })
        #expect(rest.map(\.name.string) == ["dm-2", "dm-7"])
    }

    @Test("beyond a bound of all lists the oldest is let go, and its reader still sees all")
    func keptLists() throws {
        let memory = KeptMemory(limit: 1000)
        var streams = (0..<4).map { _ in DirectoryStream(memory) }
        for stream in streams {
            #expect(try #require(stream.entries(after: 0) { entries([0, 1, 2]) }).count == 5)
        }
        #expect(memory.bytes > 0 && memory.bytes <= 1000)
        // Who came last has its list. The first has it made anew, once: then others are the oldest.
        for (index, isMade) in [(3, false), (0, true), (0, false)] {
            var made = false
            let rest = try #require(
                streams[index].entries(after: 2) {
                    made = true
                    return entries([0, 1, 2])
                })
            #expect(rest.map(\.name.string) == ["dm-0", "dm-1", "dm-2"])
            #expect(made == isMade)
        }
        streams = []
        #expect(memory.bytes == 0)
        // One that is larger than that is kept as long as it is the only one.
        let large = DirectoryStream(memory)
        #expect(try #require(large.entries(after: 0) { entries(Array(0..<100)) }).count == 102)
        #expect(try #require(large.entries(after: 2) { entries([]) }).count == 100)
        #expect(large.entries(after: 0) { nil } == nil)
        #expect(memory.bytes == 0)
    }
}
