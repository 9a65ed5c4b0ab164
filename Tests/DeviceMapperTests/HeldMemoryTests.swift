import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// The bytes of held writes: in memory up to a budget, in a spill file beyond it.
@Suite struct HeldMemoryTests {
    private static let size = 1 << 20

    private func devices(budget: Int, spill: String) -> MemoryDevices {
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.heldMemory = budget
        configuration.spillDirectory = ByteString(spill)
        return MemoryDevices(configuration)
    }

    /// Different for any two writes of one place.
    private static func pattern(_ index: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(index % 251), count: size)
    }

    @Test("1,000 held writes of 1 MiB keep to the budget, and their bytes are right after resume")
    func spillsBeyondTheBudget() throws {
        let directory = try TemporaryDirectory()
        let devices = devices(budget: 8 << 20, spill: directory.path)
        // Each of 20 places gets 50 writes: the last must win.
        let places = 20
        let store = devices.addStore("a", sectors: places * 2048)
        try devices.create("d", "0 \(places * 2048) linear a 0")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("d")))
        let writes = (0..<1000).map { index in
            handle.beginWrite(
                UInt64(index % places * HeldMemoryTests.size), HeldMemoryTests.pattern(index))
        }
        #expect(devices.registry.heldMemory.bytesInMemory == 8 << 20)
        #expect(writes.allSatisfy { !$0.isDone })
        // A part of a spilled write that is given up.
        #expect(handle.cancel(writes[500].request))
        expectErrno(.interrupted) { () throws(DMError) in try writes[500].get() }
        _ = try devices.registry.resume(.name(ByteString("d")))
        for (index, write) in writes.enumerated() where index != 500 { try write.get() }
        for place in 0..<places {
            let bytes = store.contents[
                place * HeldMemoryTests.size..<(place + 1) * HeldMemoryTests.size]
            #expect(Array(bytes) == HeldMemoryTests.pattern(1000 - places + place))
        }
        #expect(devices.registry.heldMemory.bytesInMemory == 0)
        handle.close()
        try devices.shutDown()
    }

    @Test("parts of spilled writes land where they belong")
    func spilledParts() throws {
        let directory = try TemporaryDirectory()
        let devices = devices(budget: 0, spill: directory.path)
        let stores = ["a", "b", "c"].map { devices.addStore($0, sectors: 1024) }
        try devices.create("d", "0 2400 striped 3 8 a 0 b 0 c 0")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("d")))
        var generator = SeededGenerator(seed: 7)
        let bytes = generator.bytes(300_000)
        let write = handle.beginWrite(1000, bytes)
        _ = try devices.registry.resume(.name(ByteString("d")))
        try write.get()
        #expect(try handle.read(1000, bytes.count) == bytes)
        #expect(stores.allSatisfy { $0.calls.contains { $0.kind == .write } })
        handle.close()
        try devices.shutDown()
    }

    @Test("without a spill file a write beyond the budget fails ENOMEM, and nobody else does")
    func nowhereToSpill() throws {
        for spill in ["", "/nonexistent/directory"] {
            let devices = devices(budget: 4096, spill: spill)
            let store = devices.addStore("a", sectors: 64)
            try devices.create("d", "0 64 linear a 0")
            let handle = try devices.open("d")
            _ = try devices.registry.suspend(.name(ByteString("d")))
            let kept = handle.beginWrite(0, [UInt8](repeating: 1, count: 4096))
            let refused = handle.beginWrite(4096, [UInt8](repeating: 2, count: 512))
            let read = handle.beginRead(0, 4096)
            expectErrno(.noMemory) { () throws(DMError) in try refused.get() }
            #expect(!kept.isDone && !read.isDone)
            _ = try devices.registry.resume(.name(ByteString("d")))
            try kept.get()
            try read.get()
            #expect(store.contents[4096] == 0)
            // The budget is free again.
            _ = try devices.registry.suspend(.name(ByteString("d")))
            let again = handle.beginWrite(0, [UInt8](repeating: 3, count: 4096))
            #expect(!again.isDone)
            _ = try devices.registry.resume(.name(ByteString("d")))
            try again.get()
            handle.close()
            try devices.shutDown()
        }
    }

    @Test("a write that is held twice, by a delay and by a suspended device below, is kept once")
    func heldTwice() throws {
        let devices = devices(budget: 512, spill: "")
        let store = devices.addStore("a", sectors: 64)
        try devices.create("low", "0 64 linear a 0")
        try devices.create("d", "0 64 delay low 0 1")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("low")))
        let write = handle.beginWrite(0, [UInt8](repeating: 5, count: 512))
        #expect(
            eventually {
                let status = try? devices.registry.tableStatus(
                    .name(ByteString("d")), .info, inactive: false)
                return status?.lines.first?.text == "0 0 0"
            })
        #expect(!write.isDone)
        #expect(devices.registry.heldMemory.bytesInMemory == 512)
        _ = try devices.registry.resume(.name(ByteString("low")))
        try write.get()
        #expect(store.contents.prefix(512).allSatisfy { $0 == 5 })
        handle.close()
        try devices.shutDown()
    }

    @Test("a spill file that is never empty gets no longer than what it holds at once")
    func spillFileIsUsedAgain() throws {
        let directory = try TemporaryDirectory()
        let spill = SpillFile(directory: ByteString(directory.path))
        var generator = SeededGenerator(seed: 11)
        // The oldest goes when a new one has come, as when a device is slow and written to for ever.
        var held: [(spilled: SpilledBytes, bytes: [UInt8])] = []
        for index in 0..<2000 {
            let bytes = generator.bytes([512, 4096, 5000, 100_000][index % 4])
            let spilled = bytes.withUnsafeBytes { spill.keep($0) }
            held.append((try #require(spilled), bytes))
            if held.count > 8 {
                let (oldest, wanted) = held.removeFirst()
                var found = [UInt8](repeating: 0, count: wanted.count)
                #expect(found.withUnsafeMutableBytes { oldest.read(into: $0, from: 0) } == nil)
                #expect(found == wanted)
            }
        }
        #expect(spill.length <= 3 * (4096 + 4096 + 8192 + 131_072))
        held = []
        #expect(spill.length == 0)
    }
}
