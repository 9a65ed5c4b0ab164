import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct SuspendTests {
    private let devices = MemoryDevices()
    private var registry: DeviceRegistry { devices.registry }

    private func name(_ name: String) -> DeviceReference { .name(ByteString(name)) }

    @discardableResult
    private func suspend(
        _ device: String, _ flags: SuspendFlags = []
    ) throws(DMError) -> DeviceInfo {
        try registry.suspend(name(device), flags)
    }

    @discardableResult
    private func resume(_ device: String) throws(DMError) -> DeviceInfo {
        try registry.resume(name(device))
    }

    // MARK: What arrives meanwhile

    @Test("what arrives while suspended is answered by the table that is live after resume")
    func deferredGoToTheNewTable() throws {
        let a = devices.addStore("a", sectors: 8)
        let b = devices.addStore("b", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        #expect(try suspend("d").isSuspended)
        let writes = (0..<8).map { handle.beginWrite(UInt64($0) * 512, [UInt8($0 + 1)]) }
        let read = handle.beginRead(4096 - 512, 512)
        #expect(writes.allSatisfy { !$0.isDone } && !read.isDone)
        try devices.load("d", "0 8 linear b 0")
        #expect(try !resume("d").isSuspended)
        for write in writes { try write.get() }
        try read.get()
        #expect(a.calls.allSatisfy { $0.kind == .flush })
        #expect((0..<8).allSatisfy { b.contents[$0 * 512] == UInt8($0 + 1) })
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "of deferred writes to one place the last to arrive wins",
        arguments: ["0 64 linear a 0", "0 64 striped 2 1 a 0 b 0"])
    func deferredInOrderOfArrival(table: String) throws {
        devices.addStore("a", sectors: 64)
        devices.addStore("b", sectors: 64)
        try devices.create("d", table)
        let handle = try devices.open("d")
        for _ in 0..<10 {
            try suspend("d")
            let writes = (0..<40).map { index in
                handle.beginWrite(
                    UInt64(index % 3) * 100, [UInt8](repeating: UInt8(index), count: 4000))
            }
            try resume("d")
            for write in writes { try write.get() }
            // The last, number 39, begins at byte 0.
            #expect(try handle.read(0, 4000) == [UInt8](repeating: 39, count: 4000))
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a deferred write keeps its bytes though the payload is used again")
    func deferredWriteIsCopied() throws {
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try suspend("d")
        var payload = try #require(Payload(allocating: 512))
        payload.memory.initializeMemory(as: UInt8.self, repeating: 5, count: 512)
        let write = PendingRequest(handle) {
            $0.prepareWrite(offset: 0, payload: payload, at: 100, length: 100)
        }
        #expect(isKnownUniquelyReferenced(&payload))
        payload.memory.initializeMemory(as: UInt8.self, repeating: 6, count: 512)
        try resume("d")
        try write.get()
        #expect(a.contents.prefix(101).elementsEqual([UInt8](repeating: 5, count: 100) + [0]))
        handle.close()
        try devices.shutDown()
    }

    @Test("a deferred request beyond the new, shorter table fails EIO")
    func deferredBeyondTheNewTable() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try suspend("d")
        let inside = handle.beginRead(512, 512)
        let across = handle.beginRead(3 * 512, 1024)
        try devices.load("d", "0 4 linear a 0")
        #expect(try resume("d").size == Sectors(4))
        try inside.get()
        #expect(throws: DMError(.ioError)) { try across.get() }
        #expect(handle.size == Sectors(4))
        handle.close()
        try devices.shutDown()
    }

    @Test("a held request can be given up, a completed one can't")
    func cancels() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        let handle = try devices.open("upper")
        let done = handle.beginRead(0, 512)
        try done.get()
        #expect(!handle.cancel(done.request))
        for device in ["upper", "lower"] {
            try suspend(device)
            let read = handle.beginRead(0, 512)
            let other = handle.beginRead(0, 512)
            #expect(handle.cancel(read.request))
            #expect(throws: DMError(.interrupted)) { try read.get() }
            #expect(!other.isDone)
            try resume(device)
            try other.get()
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a suspended device holds requests, and no thread")
    func holdsNoThread() throws {
        devices.addStore("a", sectors: 64)
        try devices.create("held", "0 64 linear a 0")
        try devices.create("other", "0 64 linear a 0")
        let handle = try devices.open("held")
        let other = try devices.open("other")
        try suspend("held")
        let reads = (0..<1000).map { handle.beginRead(UInt64($0 % 64) * 512, 512) }
        try other.write(0, [1])
        #expect(try other.read(0, 1) == [1])
        other.close()
        _ = try registry.remove(name("other"), deferred: false)
        #expect(reads.allSatisfy { !$0.isDone })
        try resume("held")
        for read in reads { try read.get() }
        handle.close()
        try devices.shutDown()
    }

    // MARK: States

    @Test("suspending twice, resuming twice and clearing nothing succeed")
    func repeats() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        #expect(try !resume("d").isSuspended)
        #expect(try suspend("d").isSuspended)
        #expect(try suspend("d").isSuspended)
        #expect(try !resume("d").isSuspended)
        #expect(try !resume("d").isSuspended)
        #expect(try !registry.clear(name("d")).hasInactiveTable)
        try devices.shutDown()
    }

    @Test("resuming without a table is EINVAL when suspended, and nothing otherwise")
    func resumesWithoutTable() throws {
        _ = try registry.create(name: ByteString("d"), uuid: .empty, minor: nil)
        #expect(try !resume("d").hasLiveTable)
        #expect(try suspend("d").isSuspended)
        #expect(throws: DMError(.invalidArgument)) { try resume("d") }
        #expect(try registry.info(name("d")).isSuspended)
        devices.addStore("a", sectors: 8)
        try devices.load("d", "0 8 linear a 0")
        #expect(try !resume("d").isSuspended)
        try devices.shutDown()
    }

    @Test("a table that no longer fits leaves the device suspended with the old one")
    func failedAreaCheck() throws {
        devices.addStore("a", sectors: 8)
        let b = devices.addStore("b", sectors: 16)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try devices.load("d", "0 16 linear b 0")
        b.truncate(sectors: 15)
        let error = refusal { () throws(DMError) in try resume("d") }
        #expect(
            error
                == DMError(
                    .invalidArgument, "b too small for target: start=0, len=16, dev_size=15"))
        let info = try registry.info(name("d"))
        #expect(info.isSuspended && info.hasLiveTable && !info.hasInactiveTable)
        #expect(info.size == Sectors(8))
        #expect(devices.users(of: "b") == 0)
        let read = handle.beginRead(0, 512)
        #expect(!read.isDone)
        try resume("d")
        try read.get()
        handle.close()
        try devices.shutDown()
    }

    @Test("a later load isn't measured before it goes live")
    func measuresAtResume() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        try devices.load("d", "0 9 linear a 0")
        #expect(throws: DMError.self) { try resume("d") }
        #expect(try registry.info(name("d")).isSuspended)
        try devices.shutDown()
    }

    @Test("a suspended device that nobody has open can be removed")
    func removesSuspended() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        try suspend("d")
        try devices.load("d", "0 8 linear a 0")
        _ = try registry.remove(name("d"), deferred: false)
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("a suspended device with an opener can't be removed, and stays controllable (R2)")
    func suspendedAndOpen() throws {
        devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try suspend("d")
        let write = handle.beginWrite(0, [1])
        #expect(throws: DMError(.resourceBusy)) {
            try registry.remove(name("d"), deferred: false)
        }
        try resume("d")
        try write.get()
        handle.close()
        try devices.shutDown()
    }

    @Test("clear and load while suspended: the last load goes live")
    func loadsWhileSuspended() throws {
        for store in ["a", "b", "c"] { devices.addStore(store, sectors: 8) }
        try devices.create("d", "0 8 linear a 0")
        try suspend("d")
        try devices.load("d", "0 8 linear b 0")
        try devices.load("d", "0 8 linear c 0")
        #expect(devices.users(of: "b") == 0)
        _ = try registry.clear(name("d"))
        #expect(devices.users(of: "c") == 0)
        try devices.load("d", "0 8 linear b 0")
        try resume("d")
        #expect(
            try registry.dependencies(name("d"), inactive: false).numbers
                == [DeviceNumber(major: 251, minor: 1)])
        try devices.shutDown()
    }

    // MARK: Stacks

    /// "upper" on "lower" on store a; lower is suspended, and a write to upper waits in it.
    private func stackWithWaitingWrite() throws -> (DeviceHandle, PendingRequest) {
        devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        let handle = try devices.open("upper")
        try suspend("lower")
        return (handle, handle.beginWrite(0, [1]))
    }

    @Test("an upper device suspends when its lower one lets go; it answers meanwhile")
    func upperWaitsForLower() throws {
        let (handle, write) = try stackWithWaitingWrite()
        let registry = self.registry
        let suspending = Background { () throws(DMError) in
            try registry.suspend(.name(ByteString("upper")))
        }
        for _ in 0..<20 {
            #expect(try !registry.info(name("upper")).isSuspended)
            #expect(
                try registry.tableStatus(name("upper"), .table(paths: false), inactive: false)
                    .lines.count == 1)
            #expect(
                try registry.tableStatus(name("upper"), .info, inactive: false).lines.count == 1)
            #expect(try devices.load("upper", "0 8 linear b 0").hasInactiveTable)
            #expect(try !registry.clear(name("upper")).hasInactiveTable)
            #expect(registry.list().count == 2)
            #expect(!suspending.isDone)
        }
        #expect(!write.isDone)
        try resume("lower")
        #expect(try suspending.get().isSuspended)
        try write.get()
        try resume("upper")
        handle.close()
        try devices.shutDown()
    }

    @Test("an interrupted suspend leaves everything as it was")
    func interruptedSuspend() throws {
        let (handle, write) = try stackWithWaitingWrite()
        let registry = self.registry
        let interrupt = Interrupt()
        let suspending = Background { () throws(DMError) in
            try registry.suspend(.name(ByteString("upper")), [], interrupt)
        }
        // Blocked, since a read is held in upper and not in lower.
        let blocked = try queue(of: "upper")
        #expect(eventually { blocked.isBlocking })
        let held = handle.beginRead(0, 512)
        interrupt.raise()
        #expect(throws: DMError(.interrupted)) { try suspending.get() }
        #expect(try !registry.info(name("upper")).isSuspended)
        #expect(!write.isDone && !held.isDone)
        try resume("lower")
        try write.get()
        #expect(try held.get()[0] <= 1)
        #expect(try handle.read(0, 1) == [1])
        handle.close()
        try devices.shutDown()
    }

    private func queue(of device: String) throws -> RequestQueue {
        try registry.device(name(device)).disk.queue
    }

    @Test("an interrupted resume puts the new table back (R12)", arguments: [false, true])
    func interruptedResume(withLaterLoad: Bool) throws {
        let (handle, write) = try stackWithWaitingWrite()
        let registry = self.registry
        try devices.load("upper", "0 8 linear b 0")
        let interrupt = Interrupt()
        let resuming = Background { () throws(DMError) in
            try registry.resume(.name(ByteString("upper")), [], interrupt)
        }
        let blocked = try queue(of: "upper")
        #expect(eventually { blocked.isBlocking })
        #expect(try !registry.info(name("upper")).hasInactiveTable)
        if withLaterLoad { try devices.load("upper", "0 4 linear b 0") }
        interrupt.raise()
        #expect(throws: DMError(withLaterLoad ? .noSuchAddressOrDevice : .interrupted)) {
            try resuming.get()
        }
        let info = try registry.info(name("upper"))
        #expect(!info.isSuspended && info.hasInactiveTable && info.size == Sectors(8))
        #expect(devices.users(of: "b") == 1)
        try resume("lower")
        try write.get()
        #expect(try handle.read(0, 1) == [1])
        #expect(try resume("upper").size == Sectors(withLaterLoad ? 4 : 8))
        #expect(try handle.read(0, 1) == [0])
        handle.close()
        try devices.shutDown()
    }

    @Test("whoever waits for another's suspend can give up too")
    func interruptedWhileAnotherSuspends() throws {
        let (handle, write) = try stackWithWaitingWrite()
        let registry = self.registry
        let first = Background { () throws(DMError) in
            try registry.suspend(.name(ByteString("upper")))
        }
        let blocked = try queue(of: "upper")
        #expect(eventually { blocked.isBlocking })
        let interrupt = Interrupt()
        let second = Background { () throws(DMError) in
            try registry.resume(.name(ByteString("upper")), [], interrupt)
        }
        interrupt.raise()
        #expect(throws: DMError(.interrupted)) { try second.get() }
        #expect(!first.isDone)
        try resume("lower")
        #expect(try first.get().isSuspended)
        try write.get()
        try resume("upper")
        handle.close()
        try devices.shutDown()
    }

    // MARK: Flushes

    @Test("a suspend flushes first, one without flush doesn't")
    func suspendFlushes() throws {
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        try suspend("d", .noflush)
        #expect(a.durableContents[0] == 0)
        try resume("d")
        try suspend("d")
        #expect(a.durableContents[0] == 1)
        try resume("d")
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "what was written through a table is durable before the table goes",
        arguments: [SuspendFlags.noflush, []], [false, true])
    func flushesBeforeRelease(flags: SuspendFlags, suspendedBefore: Bool) throws {
        let a = devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        let handle = try devices.open("upper")
        try handle.write(0, [1])
        if suspendedBefore { try suspend("upper", .noflush) }
        // A suspended device in between does not block it.
        try suspend("lower", .noflush)
        #expect(a.durableContents[0] == 0)
        try devices.load("upper", "0 8 linear b 0")
        let registry = self.registry
        let resuming = Background { () throws(DMError) in
            try registry.resume(.name(ByteString("upper")), flags)
        }
        #expect(try resuming.get().hasLiveTable)
        #expect(a.durableContents[0] == 1)
        handle.close()
        try devices.shutDown()
    }

    @Test("a removal brings what was written onto the store")
    func removalFlushes() throws {
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        handle.close()
        _ = try registry.remove(name("d"), deferred: false)
        #expect(a.durableContents[0] == 1)
        try devices.shutDown()
    }

    @Test("a suspend that waits for a slow store's flush can be interrupted")
    func interruptedDuringFlush() throws {
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        a.closeGate()
        let registry = self.registry
        let interrupt = Interrupt()
        let suspending = Background { () throws(DMError) in
            try registry.suspend(.name(ByteString("d")), [], interrupt)
        }
        #expect(eventually { a.waitingCalls == 1 })
        interrupt.raise()
        #expect(throws: DMError(.interrupted)) { try suspending.get() }
        a.openGate()
        #expect(try !registry.info(name("d")).isSuspended)
        #expect(try handle.read(0, 1) == [1])
        #expect(eventually { a.durableContents[0] == 1 })
        handle.close()
        try devices.shutDown()
    }

    @Test("a failed flush does not keep a suspend from succeeding")
    func suspendDespiteFailedFlush() throws {
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        a.fail(after: 0, .noSpace)
        #expect(try suspend("d").isSuspended)
        try resume("d")
        #expect(throws: DMError(.noSpace)) { try handle.flush() }
        try handle.flush()
        handle.close()
        try devices.shutDown()
    }
}
