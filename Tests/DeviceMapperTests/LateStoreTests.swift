import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// Backing stores that answer later.
@Suite struct LateStoreTests {
    private func ones(_ sectors: Int, _ byte: UInt8 = 1) -> [UInt8] {
        [UInt8](repeating: byte, count: sectors * 512)
    }

    @Test("requests of one store are under way together, and end in the order of its answers")
    func answersInAnyOrder() throws {
        let devices = MemoryDevices(inlineLimit: 0)
        let late = devices.addStore("a", LateStore(sectors: 8, .whenTold))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let first = handle.beginWrite(0, ones(1))
        let second = handle.beginWrite(512, ones(1, 2))
        let third = handle.beginRead(1024, 512)
        #expect(late.waiting == [.write, .write, .read])
        late.answer(2)
        #expect(try third.get() == ones(1, 0))
        late.answer(1)
        try second.get()
        #expect(!first.isDone)
        late.answer(failing: .noSpace)
        expectErrno(.noSpace) { () throws(DMError) in try first.get() }
        #expect(late.memory.contents[..<1024] == (ones(1, 0) + ones(1, 2))[...])
        late.letGo()
        handle.close()
        try devices.shutDown()
    }

    @Test("discards and write-zeroes get there, and what the store can't is said")
    func ranges() throws {
        let devices = MemoryDevices()
        let late = devices.addStore(
            "a", LateStore(MemoryStore([UInt8](repeating: 1, count: 4096)), .seeded(1)))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.writeZeroes(0, 512)
        try handle.discard(1024, 512)
        #expect(late.memory.contents[..<1536] == (ones(1, 0) + ones(1) + ones(1, 0))[...])
        late.memory.fail(after: 0, .notSupported)
        expectErrno(.notSupported) { () throws(DMError) in try handle.discard(0, 512) }
        late.memory.truncate(sectors: 4)
        expectErrno(.ioError) { () throws(DMError) in try handle.read(2048, 512) }
        handle.close()
        try devices.shutDown()
    }

    @Test("the parts of a request lie in several stretches of it")
    func stretches() throws {
        let devices = MemoryDevices()
        let stores = ["a", "b"].map { devices.addStore($0, LateStore(sectors: 64, .whenTold)) }
        try devices.create("d", "0 128 striped 2 8 a 0 b 0")
        let handle = try devices.open("d")
        var generator = SeededGenerator(seed: 1)
        let bytes = generator.bytes(100 * 512)
        let write = handle.beginWrite(1536, bytes)
        #expect(stores.map(\.waiting) == [[.write], [.write]])
        for store in stores { store.letGo() }
        try write.get()
        #expect(try handle.read(1536, bytes.count) == bytes)
        handle.close()
        try devices.shutDown()
    }

    @Test("a spilled write's bytes are read back for it")
    func spilled() throws {
        let directory = try TemporaryDirectory()
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.heldMemory = 0
        configuration.spillDirectory = ByteString(directory.path)
        let devices = MemoryDevices(configuration)
        let stores = ["a", "b"].map { devices.addStore($0, LateStore(sectors: 1024, .seeded(3))) }
        try devices.create("d", "0 2048 striped 2 8 a 0 b 0")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("d")))
        var generator = SeededGenerator(seed: 2)
        let writes = (0..<8).map { _ in generator.bytes(256 * 512) }
        let requests = writes.enumerated().map {
            handle.beginWrite(UInt64($0.offset * 256 * 512), $0.element)
        }
        #expect(devices.registry.heldMemory.bytesInMemory == 0)
        _ = try devices.registry.resume(.name(ByteString("d")))
        for request in requests { try request.get() }
        #expect(try handle.read(0, 2048 * 512) == writes.flatMap { $0 })
        #expect(stores.allSatisfy { $0.waiting.isEmpty })
        handle.close()
        try devices.shutDown()
    }

    // MARK: Flushes

    @Test("one flush at a time; those that come meanwhile are answered by the next")
    func oneFlushAtATime() throws {
        let devices = MemoryDevices()
        let late = devices.addStore("a", LateStore(sectors: 8, .whenTold))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let flushes = (0..<3).map { _ in handle.beginFlush() }
        #expect(late.waiting == [.flush])
        late.answer()
        try flushes[0].get()
        #expect(eventually { late.waiting == [.flush] })
        #expect(!flushes[1].isDone && !flushes[2].isDone)
        late.answer()
        try flushes[1].get()
        try flushes[2].get()
        #expect(late.memory.calls.count == 2)
        late.letGo()
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "a forced write is durable at its end, by a flush or by itself", arguments: [false, true])
    func forcedWrite(byItself: Bool) throws {
        let devices = MemoryDevices()
        let late = devices.addStore(
            "a", LateStore(sectors: 8, .whenTold, forcesUnitAccess: byItself))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let write = handle.beginWrite(0, ones(1), forceUnitAccess: true)
        #expect(late.waiting == [.write])
        late.answer()
        if !byItself {
            #expect(late.waiting == [.flush] && !write.isDone)
            late.answer()
        }
        try write.get()
        #expect(late.forced == (byItself ? 1 : 0))
        #expect(late.memory.durableContents[..<512] == ones(1)[...])
        late.letGo()
        handle.close()
        try devices.shutDown()
    }

    @Test("each opener hears of a failed flush once")
    func flushErrors() throws {
        let devices = MemoryDevices()
        let late = devices.addStore("a", LateStore(sectors: 8, .seeded(1)))
        try devices.create("d", "0 8 linear a 0")
        let handles = try (0..<2).map { _ in try devices.open("d") }
        try handles[0].write(0, ones(1))
        late.memory.fail(after: 0, .noSpace)
        for handle in handles {
            expectErrno(.noSpace) { () throws(DMError) in try handle.flush() }
            try handle.flush()
        }
        // A forced write is a flush, too.
        late.memory.fail(after: 1, .ioError)
        expectErrno(.ioError) { () throws(DMError) in
            try handles[0].beginWrite(0, ones(1), forceUnitAccess: true).get()
        }
        try handles[0].flush()
        expectErrno(.ioError) { () throws(DMError) in try handles[1].flush() }
        for handle in handles { handle.close() }
        try devices.shutDown()
    }

    // MARK: Waiting for it

    @Test("a suspend waits for the answers, and one that is interrupted leaves all as it was")
    func suspendWaits() throws {
        let devices = MemoryDevices()
        let late = devices.addStore("a", LateStore(sectors: 8, .whenTold))
        let reference = DeviceReference.name(ByteString("d"))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let write = handle.beginWrite(0, ones(1))
        let interrupt = Interrupt()
        let interrupted = Background { () throws(DMError) in
            _ = try devices.registry.suspend(reference, .noflush, interrupt)
        }
        #expect(!eventually(withinMilliseconds: 20) { interrupted.isDone })
        interrupt.raise()
        expectErrno(.interrupted) { () throws(DMError) in try interrupted.get() }
        #expect(try devices.registry.info(reference).isSuspended == false)
        #expect(late.waiting == [.write])
        let suspend = Background { () throws(DMError) in
            _ = try devices.registry.suspend(reference, .noflush)
        }
        #expect(!eventually(withinMilliseconds: 20) { suspend.isDone || write.isDone })
        late.answer()
        try suspend.get()
        #expect(late.underWay == 0)
        try write.get()
        _ = try devices.registry.resume(reference)
        late.letGo()
        handle.close()
        try devices.shutDown()
    }

    /// What is under way below can't be taken back: the client's call ends with it, and no thread
    /// waits.
    @Test("a client that gives up while the store hangs is answered when the store is")
    func clientGivesUp() throws {
        let devices = MemoryDevices()
        let late = devices.addStore("a", LateStore(sectors: 8, .whenTold))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let read = handle.beginRead(0, 512)
        #expect(!handle.cancel(read.request))
        #expect(!read.isDone)
        // Nobody else is kept.
        let other = handle.beginRead(512, 512)
        late.answer(1)
        try other.get()
        late.answer(failing: .ioError)
        expectErrno(.ioError) { () throws(DMError) in try read.get() }
        late.letGo()
        handle.close()
        try devices.shutDown()
    }

    @Test("a table is let go of only when nothing of it is under way")
    func swapWaits() throws {
        let devices = MemoryDevices()
        let late = devices.addStore("a", LateStore(sectors: 8, .whenTold))
        devices.onRelease = { name in
            if name == "a" { #expect(late.underWay == 0, "released with I/O under way") }
        }
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        let write = handle.beginWrite(0, ones(1))
        try devices.load("d", "0 8 zero")
        let swap = Background { () throws(DMError) in
            _ = try devices.registry.resume(.name(ByteString("d")))
        }
        #expect(!eventually(withinMilliseconds: 20) { swap.isDone })
        #expect(devices.users(of: "a") == 1)
        late.letGo()
        try swap.get()
        try write.get()
        #expect(eventually { devices.users(of: "a") == 0 })
        handle.close()
        try devices.shutDown()
    }
}
