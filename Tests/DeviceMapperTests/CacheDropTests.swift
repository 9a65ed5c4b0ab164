import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// When what is cached of a device is written back and dropped, and who waits for that.
@Suite struct CacheDropTests {
    /// Writes a sector through a handle at each drop, as a page that a mapping changed would be;
    /// waits at a gate where there is one.
    private final class Pages: PageCache, @unchecked Sendable {
        // @unchecked: guarded by `lock`.
        private let lock = Lock(rank: .leaf, name: "Pages.lock")
        private let opened = Condition()
        private var isClosed = false
        private var begun = 0
        private var ends: [UInt64] = []
        private var sizes: [UInt64] = []
        private var changed: (handle: DeviceHandle, byte: UInt8)?

        /// At the drop of the page with an earlier end, the size that the opener is told of.
        private var watched: DeviceHandle?
        private var told: [UInt64] = []

        var earlierEnds: [UInt64] { lock.withLock { ends } }
        var sizesTold: [UInt64] { lock.withLock { told } }
        var grown: [UInt64] { lock.withLock { sizes } }
        var drops: Int { lock.withLock { begun } }

        func change(_ handle: DeviceHandle, _ byte: UInt8) {
            lock.withLock { changed = (handle, byte) }
        }

        func setGate(closed: Bool) {
            lock.withLock {
                isClosed = closed
                opened.broadcast()
            }
        }

        func watch(_ handle: DeviceHandle?) { lock.withLock { watched = handle } }

        func grow(
            from end: UInt64, to size: UInt64, minor: UInt32, generation: UInt64,
            _ show: () -> Bool
        ) {
            let watched = lock.withLock { () -> DeviceHandle? in
                ends.append(end)
                sizes.append(size)
                return self.watched
            }
            let before = watched.map { [$0.size.bytes, $0.readableSize.bytes] } ?? []
            _ = show()
            lock.withLock { told += before }
        }

        private var around: [[Range<UInt64>]] = []
        private var written = 0
        var dropsAround: [[Range<UInt64>]] { lock.withLock { around } }
        var writeBacks: Int { lock.withLock { written } }

        func drop(minor: UInt32, generation: UInt64, besides ranges: [Range<UInt64>]) {
            lock.withLock { around.append(ranges) }
        }

        func writeBack(minor: UInt32, generation: UInt64) {
            lock.withLock { written += 1 }
            drop(minor: minor, generation: generation)
            lock.withLock { begun -= 1 }
        }

        func drop(minor: UInt32, generation: UInt64) {
            let page = lock.withLock { () -> (handle: DeviceHandle, byte: UInt8)? in
                begun += 1
                while isClosed { opened.wait(lock) }
                defer { changed = nil }
                return changed
            }
            if let page { try? page.handle.write(0, [UInt8](repeating: page.byte, count: 512)) }
        }
    }

    private let devices = MemoryDevices()
    private let pages = Pages()
    private let name = DeviceReference.name(ByteString("d"))

    init() throws {
        devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        devices.registry.attach(pages)
    }

    private func end(_ handles: DeviceHandle...) throws {
        for handle in handles { handle.close() }
        devices.registry.attach(nil)
        try devices.shutDown()
    }

    private func firstByte(_ store: String) -> UInt8? { devices.store(store)?.contents.first }

    @Test("a suspend writes back what is cached, and makes it durable, before it blocks")
    func suspends() throws {
        let handle = try devices.open("d")
        pages.change(handle, 7)
        _ = try devices.registry.suspend(name)
        #expect(pages.writeBacks == 1)
        #expect(devices.store("a")?.durableContents.first == 7)
        _ = try devices.registry.resume(name)
        for flags in [SuspendFlags.skipLockFS, .noflush] {
            _ = try devices.registry.suspend(name, flags)
            _ = try devices.registry.resume(name)
        }
        #expect(pages.writeBacks == 1)
        #expect(pages.drops == 0, "nothing changed: what is cached is good")
        try end(handle)
    }

    @Test("a device that nobody has open has no mappings to write back")
    func closed() throws {
        try devices.open("d").close()
        _ = try devices.registry.suspend(name)
        #expect(pages.writeBacks == 0 && pages.drops == 0)
        _ = try devices.registry.resume(name)
        try end()
    }

    @Test("a swap drops the rest before the pages of reads that are held")
    func dropsAround() throws {
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(name)
        let reads = [handle.beginRead(1024, 512), handle.beginRead(0, 512)]
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(name)
        #expect(pages.dropsAround == [[0..<512, 1024..<1536]])
        #expect(pages.drops == 1)
        for read in reads { try read.get() }
        try end(handle)
    }

    @Test("a swap writes back to the old table, and drops again when the new one is live")
    func swaps() throws {
        let handle = try devices.open("d")
        pages.change(handle, 7)
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(name)
        #expect(pages.drops == 2)
        #expect(firstByte("a") == 7)
        #expect(firstByte("b") == 0)
        try end(handle)
    }

    @Test("a longer table's size is made known, a shorter one's is not")
    func grows() throws {
        let handle = try devices.open("d")
        for table in ["0 8 linear a 0\n8 8 linear b 0", "0 8 linear a 0"] {
            try devices.load("d", table)
            _ = try devices.registry.resume(name)
        }
        #expect(pages.grown == [8192])
        #expect(handle.size.bytes == 4096)
        try end(handle)
    }

    @Test("a longer table is read at once, and shown when nothing is cached of the earlier end")
    func showsGrowth() throws {
        let handle = try devices.open("d")
        pages.watch(handle)
        try devices.load("d", "0 8 linear a 0\n8 8 linear b 0")
        _ = try devices.registry.resume(name)
        #expect(pages.earlierEnds == [4096])
        #expect(pages.sizesTold == [4096, 8192])
        #expect(handle.size.bytes == 8192)
        pages.watch(nil)
        try end(handle)
    }

    @Test("a device that nobody ever had open has nothing cached")
    func neverOpened() throws {
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(name)
        #expect(pages.drops == 0)
        try end()
    }

    /// The kernel drops it with the answer to the next open, which a second open may overtake.
    @Test("what is cached of a device that nobody has open any more goes with its table")
    func closedAgain() throws {
        try devices.open("d").close()
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(name)
        #expect(pages.drops > 0)
        try end()
    }

    @Test("a resume waits for the drop, and leaves it when a read is held below")
    func waits() throws {
        try devices.create("lower", "0 8 linear b 0")
        let handle = try devices.open("d")
        try devices.load("d", "0 8 linear lower 0")
        _ = try devices.registry.suspend(name, .noflush)
        pages.setGate(closed: true)
        let resume = Background { () throws(DMError) -> Bool in
            _ = try devices.registry.resume(name)
            return true
        }
        #expect(eventually { pages.drops == 1 })
        #expect(try devices.registry.info(name).isSuspended == false)
        // It goes on, and so do others.
        #expect(try handle.read(0, 512).count == 512)
        #expect(!eventually(withinMilliseconds: 50) { resume.isDone })
        _ = try devices.registry.suspend(.name(ByteString("lower")))
        let read = handle.beginRead(0, 512)
        #expect(try resume.get())
        pages.setGate(closed: false)
        _ = try devices.registry.resume(.name(ByteString("lower")))
        try read.get()
        try end(handle)
    }

    @Test("a suspend that waits for a drop can be interrupted, and leaves the device as it was")
    func interrupted() throws {
        let handle = try devices.open("d")
        pages.setGate(closed: true)
        let interrupt = Interrupt()
        let suspend = Background { () throws(DMError) -> Bool in
            _ = try devices.registry.suspend(name, [], interrupt)
            return true
        }
        #expect(eventually { pages.writeBacks == 1 })
        interrupt.raise()
        expectErrno(.interrupted) { () throws(DMError) in _ = try suspend.get() }
        #expect(try devices.registry.info(name).isSuspended == false)
        #expect(try handle.read(0, 512).count == 512)
        pages.setGate(closed: false)
        try end(handle)
    }
}
