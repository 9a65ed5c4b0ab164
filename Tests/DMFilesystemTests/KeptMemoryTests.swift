import Testing

@testable import DMFilesystem

@Suite struct KeptMemoryTests {
    /// Its end takes the lock, which traps where that is held.
    private final class Content: Sendable {
        let name: Int
        private let memory: KeptMemory

        init(_ name: Int, _ memory: KeptMemory) {
            self.name = name
            self.memory = memory
        }

        deinit { _ = memory.bytes }
    }

    @Test("what was kept first is let go first, and none is destroyed under the lock")
    func order() {
        let memory = KeptMemory(limit: 30)
        let places = (0..<5).map { _ in KeptMemory.Place() }
        func keep(_ name: Int, bytes: Int = 10) {
            memory.keep(Content(name, memory), bytes: bytes, at: places[name])
        }
        func kept() -> [Int] {
            places.compactMap { memory.kept(at: $0, as: Content.self)?.name }
        }
        for name in 0..<3 { keep(name) }
        #expect(kept() == [0, 1, 2] && memory.bytes == 30)
        keep(3)
        #expect(kept() == [1, 2, 3] && memory.bytes == 30)
        // Kept once more it is the newest.
        keep(1)
        keep(4)
        #expect(kept() == [1, 3, 4] && memory.bytes == 30)
        // From the middle, both ends, and what isn't there.
        for name in [1, 3, 4, 4] { memory.letGo(places[name]) }
        #expect(kept() == [] && memory.bytes == 0)
        keep(2)
        keep(0, bytes: 25)
        #expect(kept() == [0] && memory.bytes == 25)
        // One alone may be larger, until there is another.
        keep(1, bytes: 40)
        #expect(kept() == [1] && memory.bytes == 40)
        keep(2)
        #expect(kept() == [2] && memory.bytes == 10)
        memory.letGo(places[2])
        #expect(kept() == [] && memory.bytes == 0)
    }
}
