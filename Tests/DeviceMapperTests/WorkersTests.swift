import DMTestSupport
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import DeviceMapper

/// A backing device that hangs takes no thread that others need.
@Suite struct WorkersTests {
    @Test(
        "more hanging requests than inline threads leave other devices going",
        arguments: [0, 1, 3])
    func hangingBackingStopsNobodyElse(inlineLimit: Int) throws {
        let devices = MemoryDevices(inlineLimit: inlineLimit)
        let stuck = devices.addStore("stuck", sectors: 64)
        devices.addStore("fine", sectors: 64)
        try devices.create("stuck-device", "0 64 linear stuck 0")
        try devices.create("fine-device", "0 64 linear fine 0")
        let slow = try devices.open("stuck-device")
        let quick = try devices.open("fine-device")
        stuck.closeGate()
        // The threads that serve a mount: each hangs, or hands its request over and goes on.
        let count = 3 + inlineLimit
        let callers = (0..<count).map { index in
            Background<PendingRequest> { slow.beginRead(UInt64(index) * 512, 512) }
        }
        #expect(eventually { callers.count(where: \.isDone) == count - inlineLimit })
        #expect(eventually { stuck.waitingCalls >= inlineLimit + min(3, count - inlineLimit) })
        for index in 0..<100 {
            try quick.write(UInt64(index % 64) * 512, [UInt8(index)])
            #expect(try quick.read(UInt64(index % 64) * 512, 1) == [UInt8(index)])
        }
        _ = try devices.registry.suspend(.name(ByteString("fine-device")))
        _ = try devices.registry.resume(.name(ByteString("fine-device")))
        stuck.openGate()
        for caller in callers { try caller.get().get() }
        slow.close()
        quick.close()
        try devices.shutDown()
    }

    @Test("a thread that is kept does the work, and ends when it is stopped")
    func keptThread() throws {
        let workers = IOWorkers(inlineLimit: 0, maximumThreads: 1)
        try workers.keepOne()
        let done = Atomic<Int>(0)
        for _ in 0..<3 {
            workers.run {
                if ThreadKind.current == .io { done.add(1, ordering: .sequentiallyConsistent) }
            }
        }
        workers.stop()
        #expect(done.load(ordering: .sequentiallyConsistent) == 3)
    }

    @Test("many requests to a hanging device take a few I/O threads")
    func oneDeviceTakesFewThreads() throws {
        let devices = MemoryDevices(inlineLimit: 0)
        let stuck = devices.addStore("stuck", sectors: 64)
        try devices.create("d", "0 64 linear stuck 0")
        let handle = try devices.open("d")
        stuck.closeGate()
        let reads = (0..<200).map { handle.beginRead(UInt64($0 % 64) * 512, 512) }
        #expect(eventually { stuck.waitingCalls == 4 })
        stuck.openGate()
        for read in reads { try read.get() }
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "parts of one request run beside each other where they go to different devices",
        arguments: [
            "0 24 striped 3 8 a 0 b 0 c 0",
            "0 8 linear a 0\n8 8 linear b 0\n16 8 linear c 0",
        ], ["a", "b", "c"])
    func partsRunSideBySide(table: String, stuck: String) throws {
        let devices = MemoryDevices()
        let stores = Dictionary(
            uniqueKeysWithValues: ["a", "b", "c"].map { ($0, devices.addStore($0, sectors: 8)) })
        try devices.create("d", table)
        let handle = try devices.open("d")
        stores[stuck]?.closeGate()
        let write = Background<PendingRequest> {
            handle.beginWrite(0, [UInt8](repeating: 7, count: 24 * 512))
        }
        for (name, store) in stores where name != stuck {
            #expect(eventually { store.calls.count == 1 }, "\(name) waits for \(stuck)")
        }
        stores[stuck]?.openGate()
        try write.get().get()
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "parts for four slow devices are all there at once, whichever way they go",
        arguments: [256 << 10, 1 << 20], [IOOperation.read, .write])
    func stripesOverlap(length: Int, operation: IOOperation) throws {
        let devices = MemoryDevices()
        let stores = (0..<4).map { devices.addStore("s\($0)", sectors: 1024) }
        try devices.create("d", "0 4096 striped 4 128 s0 0 s1 0 s2 0 s3 0")
        let handle = try devices.open("d")
        // Slow ones show it by themselves; quick ones don't matter.
        for _ in 0..<3 {
            for store in stores { store.closeGate() }
            let request = Background<PendingRequest> {
                operation == .read
                    ? handle.beginRead(0, length)
                    : handle.beginWrite(0, [UInt8](repeating: 1, count: length))
            }
            for store in stores { #expect(eventually { store.waitingCalls == 1 }) }
            // So long that it counts as slow, on any machine.
            let begin = Deadline.nowMilliseconds
            #expect(eventually { Deadline.nowMilliseconds - begin >= 2 })
            for store in stores { store.openGate() }
            try request.get().get()
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a store is slow until it was quick for a while, and one slow call shows at once")
    func pace() {
        let pace = Pace()
        func isSlow() -> Bool { pace.isSlow }
        #expect(isSlow())
        pace.note(nanoseconds: 1000)
        #expect(isSlow())
        for _ in 0..<20 { pace.note(nanoseconds: 1000) }
        #expect(!isSlow())
        pace.note(nanoseconds: 2_000_000)
        #expect(isSlow())
        // It is asked again soon, not after an outage of an hour.
        pace.note(nanoseconds: Int64.max)
        for _ in 0..<60 { pace.note(nanoseconds: 1000) }
        #expect(!isSlow())
    }

    @Test("parts for a store that answers out of memory stay on the thread that brings them")
    func quickPartsStay() throws {
        let devices = MemoryDevices()
        let store = devices.addStore("a", sectors: 64)
        try devices.create("d", "0 32 linear a 0\n32 32 linear a 32")
        let handle = try devices.open("d")
        nonisolated(unsafe) var threads = Set<pthread_t>()
        let lock = Lock(rank: .leaf, name: "threads")
        for _ in 0..<50 { try handle.write(31 * 512, [UInt8](repeating: 1, count: 1024)) }
        store.beforeCall = { lock.withLock { _ = threads.insert(pthread_self()) } }
        #expect(
            eventually {
                lock.withLock { threads = [] }
                try? handle.write(31 * 512, [UInt8](repeating: 1, count: 1024))
                return lock.withLock { threads } == [pthread_self()]
            })
        handle.close()
        try devices.shutDown()
    }

    @Test("parts of parts run beside each other too")
    func nestedPartsRunSideBySide() throws {
        let devices = MemoryDevices()
        let stores = ["a", "b", "c", "d"].map { devices.addStore($0, sectors: 8) }
        try devices.create("left", "0 16 striped 2 8 a 0 b 0")
        try devices.create("right", "0 16 striped 2 8 c 0 d 0")
        try devices.create("top", "0 16 linear left 0\n16 16 linear right 0")
        let handle = try devices.open("top")
        // The last part of the first part.
        stores[1].closeGate()
        let write = Background<PendingRequest> {
            handle.beginWrite(0, [UInt8](repeating: 7, count: 32 * 512))
        }
        for index in [0, 2, 3] { #expect(eventually { stores[index].calls.count == 1 }) }
        stores[1].openGate()
        try write.get().get()
        let flush = Background<PendingRequest> {
            stores[1].closeGate()
            return handle.beginFlush()
        }
        for index in [0, 2, 3] { #expect(eventually { stores[index].calls.count == 2 }) }
        stores[1].openGate()
        try flush.get().get()
        handle.close()
        try devices.shutDown()
    }

    @Test("what was deferred for a device that hangs does not hold up the rest after a resume")
    func deferredRequestsDoNotWaitForEachOther() throws {
        let devices = MemoryDevices()
        let stuck = devices.addStore("stuck", sectors: 8)
        devices.addStore("fine", sectors: 8)
        try devices.create("d", "0 8 linear stuck 0\n8 8 linear fine 0")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("d")))
        let first = handle.beginRead(0, 512)
        let second = handle.beginRead(8 * 512, 512)
        stuck.closeGate()
        _ = try devices.registry.resume(.name(ByteString("d")))
        try second.get()
        #expect(!first.isDone)
        stuck.openGate()
        try first.get()
        handle.close()
        try devices.shutDown()
    }

    @Test("a request that is to be handed over is")
    func honoursHandOver() throws {
        let devices = MemoryDevices()
        let stuck = devices.addStore("stuck", sectors: 8)
        try devices.create("d", "0 8 linear stuck 0")
        let handle = try devices.open("d")
        stuck.closeGate()
        let read = PendingRequest(handle) {
            $0.prepareRead(offset: 0, length: 512)
            $0.placement = .handOver
        }
        #expect(!read.isDone)
        stuck.openGate()
        try read.get()
        handle.close()
        try devices.shutDown()
    }
}
