import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// Requests of very many parts, which aren't all made at once.
@Suite struct CuttingTests {
    private let devices = MemoryDevices()
    /// One part of each sector.
    private static let lines = 5000
    /// More than so many parts of a few requests aren't made.
    private static let most = 1100

    /// A device "upper" of one-sector lines on "lower", which is suspended; and the store below.
    private func makeStack(replacing: [Int: String] = [:]) throws -> MemoryStore {
        let ones = [UInt8](repeating: 1, count: CuttingTests.lines * 512)
        let store = devices.addStore("a", MemoryStore(ones, recordsCalls: false))
        try devices.create("lower", "0 \(CuttingTests.lines) linear a 0")
        let table = (0..<CuttingTests.lines).map { line in
            replacing[line] ?? "\(line) 1 linear lower \(line)"
        }
        try devices.create("upper", table.joined(separator: "\n"))
        _ = try devices.registry.suspend(.name(ByteString("lower")), [])
        return store
    }

    /// Parts that the lower device holds.
    private func held(in handle: DeviceHandle) -> Int {
        var count = 0
        _ = handle.device.disk.queue.holds {
            _ in
            count += 1
            return false
        }
        return count
    }

    private func resume() throws { _ = try devices.registry.resume(.name(ByteString("lower"))) }

    @Test("a discard or zeroes in 5,000 parts has a thousand under way", arguments: [true, false])
    func range(isDiscard: Bool) throws {
        let store = try makeStack()
        let handle = try devices.open("upper")
        let lower = try devices.open("lower")
        let pending = handle.beginRange(
            isDiscard ? .discard : .writeZeroes, 0, CuttingTests.lines * 512)
        #expect((1...CuttingTests.most).contains(held(in: lower)))
        #expect(!pending.isDone)
        try resume()
        try pending.get()
        #expect(store.contents.allSatisfy { $0 == 0 })
        handle.close()
        lower.close()
        try devices.shutDown()
    }

    @Test("a part that fails is the error of all, and the others are done")
    func failure() throws {
        let store = try makeStack(replacing: [2500: "2500 1 error"])
        let handle = try devices.open("upper")
        let pending = handle.beginRange(.writeZeroes, 0, CuttingTests.lines * 512)
        try resume()
        #expect(throws: DMError(.ioError)) { try pending.get() }
        let left = (0..<CuttingTests.lines).filter { store.contents[$0 * 512] != 0 }
        #expect(left == [2500])
        handle.close()
        try devices.shutDown()
    }

    @Test("one that is given up ends at once, and no part of it follows")
    func givenUp() throws {
        let store = try makeStack()
        let handle = try devices.open("upper")
        let lower = try devices.open("lower")
        let pending = handle.beginRange(.discard, 0, CuttingTests.lines * 512)
        #expect(handle.cancel(pending.request))
        #expect(throws: DMError(.interrupted)) { try pending.get() }
        #expect(held(in: lower) == 0)
        try resume()
        #expect(store.contents.allSatisfy { $0 == 1 })
        handle.close()
        lower.close()
        try devices.shutDown()
    }

    @Test("many reads and writes of many parts have a few each under way, and all bytes arrive")
    func bytes() throws {
        let store = try makeStack()
        let handle = try devices.open("upper")
        let lower = try devices.open("lower")
        let length = 1000 * 512
        let writes = (0..<4).map {
            handle.beginWrite(UInt64($0 * length), [UInt8](repeating: UInt8($0 + 2), count: length))
        }
        let reads = (0..<20).map { _ in handle.beginRead(UInt64(4 * length), length) }
        #expect((1...CuttingTests.most + 24 * 5).contains(held(in: lower)))
        try resume()
        for write in writes { try write.get() }
        for read in reads {
            #expect(try read.get().elementsEqual([UInt8](repeating: 1, count: length)))
        }
        for index in 0..<4 {
            let range = index * length..<(index + 1) * length
            #expect(store.contents[range].allSatisfy { $0 == UInt8(index + 2) })
        }
        handle.close()
        lower.close()
        try devices.shutDown()
    }

    @Test("what is held when the lower device goes fails, all of it")
    func forcedEnd() throws {
        _ = try makeStack()
        let handle = try devices.open("upper")
        let pending = handle.beginRange(.discard, 0, CuttingTests.lines * 512)
        try devices.registry.beginShutdown(force: true)
        #expect(throws: DMError(.ioError)) { try pending.get() }
        handle.close()
        devices.registry.finishShutdown()
    }

    // MARK: What is kept for reuse

    @Test("of what is kept, that goes which nobody needed since the last look")
    func idle() {
        var idle = Idle<Int>()
        for number in 0..<100 { idle.append(number) }
        // Since the last look there were none at first.
        #expect(idle.takeUnneeded() == [])
        for _ in 0..<30 { _ = idle.popLast() }
        for number in 0..<30 { idle.append(number) }
        #expect(idle.takeUnneeded().count == 70)
        #expect(idle.takeUnneeded(keeping: 10).count == 20)
        #expect(idle.takeUnneeded(keeping: 10) == [])
        #expect(idle.takeUnneeded().count == 10)
        #expect(idle.popLast() == nil)
    }
}
