import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct DelayTests {
    private let devices = MemoryDevices()
    /// Longer than any test runs: what ends earlier was let go.
    private static let forever = 3_600_000

    private func status(_ name: String, _ kind: StatusKind = .info) throws(DMError) -> String? {
        try devices.registry.tableStatus(.name(ByteString(name)), kind, inactive: false)
            .lines.first?.text.string
    }

    private func suspend(_ name: String, _ flags: SuspendFlags = []) throws(DMError) {
        _ = try devices.registry.suspend(.name(ByteString(name)), flags)
    }

    private func resume(_ name: String) throws(DMError) {
        _ = try devices.registry.resume(.name(ByteString(name)))
    }

    @Test("lines that Linux 6.1 refuses, with its words")
    func refusals() throws {
        devices.addStore("a", sectors: 4096)
        devices.addStore("b", sectors: 4096)
        let count = "delay: Requires exactly 3, 6 or 9 arguments"
        for (parameters, reason) in [
            ("", count), ("a 0", count), ("a 0 10 b 8", count), ("a 0 10 b 8 20 a", count),
            ("a 0 1 b 0 1 b 0 1 b 0 1", count),
            ("a x 10", "delay: Invalid device sector"), ("a 0 x", "delay: Invalid delay"),
            ("a 0 -1", "delay: Invalid delay"), ("a 0 +1", "delay: Invalid delay"),
            ("nope x y", "delay: Invalid device sector"),
            ("a 0 1 b x 1", "delay: Invalid device sector"),
            ("a 0 1 b 0 1 b x 1", "delay: Invalid device sector"),
        ] {
            let error = refusal { () throws(DMError) in
                try devices.create("d", "0 2048 delay \(parameters)")
            }
            #expect(error == DMError(.invalidArgument, reason), "\(parameters)")
        }
        for parameters in ["nope 0 1", "a 0 1 nope 0 1"] {
            let error = refusal { () throws(DMError) in
                try devices.create("d", "0 2048 delay \(parameters)")
            }
            #expect(error?.errno == .operationNotSupportedByDevice)
            #expect(error?.message.hasPrefix("delay: Device lookup failed") == true)
        }
        for parameters in ["a 7000 1", "a 0 1 b 7000 1", "a 0 1 b 0 1 b 7000 1"] {
            expectErrno(.invalidArgument) { () throws(DMError) in
                try devices.create("d", "0 2048 delay \(parameters)")
            }
        }
        try devices.shutDown()
    }

    @Test(
        "table lines come back as they were; a delay too long wraps",
        arguments: [
            ("a 0 10", "251:0 0 10"), ("a 0 10 b 8 20", "251:0 0 10 251:1 8 20"),
            ("a 0 10 b 8 20 a 16 0", "251:0 0 10 251:1 8 20 251:0 16 0"),
            ("a 0 4294967296", "251:0 0 0"), ("a 0 99999999999", "251:0 0 1215752191"),
        ])
    func tableLines(parameters: String, expected: String) throws {
        devices.addStore("a", sectors: 4096)
        devices.addStore("b", sectors: 4096)
        try devices.create("d", "0 2048 delay \(parameters)")
        #expect(try status("d", .table(paths: false)) == expected)
        #expect(try status("d") == "0 0 0")
        try devices.shutDown()
    }

    @Test("reads, writes and flushes go to their own devices, after their own times")
    func classes() throws {
        let stores = ["a", "b", "c"].map { devices.addStore($0, sectors: 64) }
        try devices.create("d", "0 32 delay a 1 20 b 2 0 c 3 40")
        let handle = try devices.open("d")
        let begin = Deadline.nowMilliseconds
        try handle.write(512, [UInt8](repeating: 7, count: 512))
        _ = try handle.read(0, 1024)
        #expect(Deadline.nowMilliseconds - begin >= 20)
        try handle.flush()
        #expect(Deadline.nowMilliseconds - begin >= 60)
        let read = stores[0].calls.filter { $0.kind == .read }
        let written = stores[1].calls.filter { $0.kind == .write }
        #expect(read.map(\.offset) == [512])
        #expect(written.map(\.offset) == [1536])
        // The kernel would flush the third alone: a promise of durability is kept to the others.
        for store in stores { #expect(store.calls.count { $0.kind == .flush } == 1) }
        handle.close()
        try devices.shutDown()
    }

    @Test("a discard and a write-zeroes go the way of a write, and are held as one")
    func ranges() throws {
        let stores = ["a", "b"].map { devices.addStore($0, sectors: 64) }
        try devices.create("d", "0 32 delay a 0 0 b 2 \(DelayTests.forever)")
        let handle = try devices.open("d")
        let ranges = [
            handle.beginRange(.discard, 512, 1024), handle.beginRange(.writeZeroes, 4096, 512),
        ]
        #expect(try status("d") == "0 2 0")
        try suspend("d", .noflush)
        for range in ranges { try range.get() }
        #expect(stores[0].calls.isEmpty)
        let calls = stores[1].calls
        #expect(calls.map(\.kind) == [MemoryStore.Call.Kind.discard, .zero])
        #expect(calls.map(\.offset) == [1536, 5120])
        handle.close()
        try devices.shutDown()
    }

    @Test("10,000 requests are held at once, without a thread each, and counted")
    func manyHeld() throws {
        let store = devices.addStore("a", sectors: 64)
        try devices.create("d", "0 64 delay a 0 \(DelayTests.forever)")
        let handle = try devices.open("d")
        let reads = (0..<9000).map { handle.beginRead(UInt64($0 % 64) * 512, 512) }
        let writes = (0..<1000).map { handle.beginWrite(UInt64($0 % 64) * 512, [1]) }
        #expect(try status("d") == "9000 1000 0")
        #expect(store.calls.isEmpty)
        // A suspend lets them go at once, waits for them, and counts none.
        try suspend("d", .noflush)
        #expect(reads.allSatisfy(\.isDone) && writes.allSatisfy(\.isDone))
        for request in reads + writes { try request.get() }
        #expect(store.calls.count == 10_000)
        #expect(try status("d") == "0 0 0")
        // What came meanwhile is delayed after the resume.
        let later = handle.beginRead(0, 512)
        #expect(try status("d") == "0 0 0")
        try resume("d")
        #expect(eventually { (try? status("d")) == "1 0 0" })
        #expect(handle.cancel(later.request))
        expectErrno(.interrupted) { () throws(DMError) in try later.get() }
        #expect(try status("d") == "0 0 0")
        handle.close()
        try devices.shutDown()
    }

    @Test("thousands of held requests are given up, each once")
    func manyGivenUp() throws {
        devices.addStore("a", sectors: 64)
        try devices.create("d", "0 64 delay a 0 \(DelayTests.forever)")
        let handle = try devices.open("d")
        let reads = (0..<4000).map { handle.beginRead(UInt64($0 % 64) * 512, 512) }
        let count = reads.filter { handle.cancel($0.request) }.count
        #expect(count == reads.count)
        #expect(try status("d") == "0 0 0")
        handle.close()
        try devices.shutDown()
    }

    @Test("what stays when a request is given up is let go in its time")
    func givenUpInTheMiddle() throws {
        devices.addStore("a", sectors: 128)
        // A heap as it stands. The last one takes the place of the one that goes, and is due before
        // the one above it.
        let soon = [0: 150, 2: 200, 6: 250, 14: 300]
        let lines = (0..<15).map { "\($0 * 8) 8 delay a 0 \(soon[$0] ?? DelayTests.forever)" }
        try devices.create("d", lines.joined(separator: "\n"))
        let handle = try devices.open("d")
        let reads = (0..<15).map { handle.beginRead($0 * 4096, 4096) }
        #expect(handle.cancel(reads[3].request))
        for index in soon.keys { try reads[index].get() }
        for index in 0..<15 where index != 3 && soon[index] == nil {
            #expect(!reads[index].isDone)
            #expect(handle.cancel(reads[index].request))
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("requests of one time come in order of arrival, earlier times first")
    func order() throws {
        let store = devices.addStore("a", sectors: 4096)
        try devices.create("d", "0 1000 delay a 0 400\n1000 1000 delay a 1000 50")
        let handle = try devices.open("d")
        let slow = handle.beginRead(0, 512)
        let quick = handle.beginRead(1000 * 512, 512)
        try quick.get()
        #expect(!slow.isDone)
        try slow.get()
        #expect(store.calls.map(\.offset) == [1000 * 512, 0])
        handle.close()
        try devices.shutDown()
    }

    @Test("a flush that a suspend does is not delayed, a client's is held and let go")
    func flushes() throws {
        let store = devices.addStore("a", sectors: 64)
        try devices.create("d", "0 64 delay a 0 0 a 0 0 a 0 \(DelayTests.forever)")
        let handle = try devices.open("d")
        try handle.write(0, [9])
        let flush = handle.beginFlush()
        #expect(try status("d") == "0 0 1")
        #expect(store.durableContents[0] == 0)
        try suspend("d")
        try flush.get()
        #expect(store.durableContents[0] == 9)
        try resume("d")
        handle.close()
        try devices.shutDown()
    }

    @Test("a new table, a removal by force and the end let go or fail what is held")
    func ends() throws {
        devices.addStore("a", sectors: 64)
        try devices.create("d", "0 64 delay a 0 \(DelayTests.forever)")
        let handle = try devices.open("d")
        let first = handle.beginRead(0, 512)
        try devices.load("d", "0 64 delay a 0 \(DelayTests.forever)")
        try resume("d")
        try first.get()
        let second = handle.beginRead(0, 512)
        #expect(!second.isDone)
        try devices.registry.beginShutdown(force: true)
        expectErrno(.ioError) { () throws(DMError) in try second.get() }
        expectErrno(.ioError) { () throws(DMError) in _ = try handle.read(0, 512) }
        handle.close()
        devices.registry.finishShutdown()
    }

    @Test("an interrupted suspend leaves the target delaying")
    func interruptedSuspend() throws {
        let store = devices.addStore("a", sectors: 64)
        try devices.create("d", "0 64 delay a 0 \(DelayTests.forever) a 0 0")
        let handle = try devices.open("d")
        store.closeGate()
        let write = Background<PendingRequest> { handle.beginWrite(0, [1]) }
        #expect(eventually { store.waitingCalls == 1 })
        let interrupt = Interrupt()
        let suspend = Background<Errno?> {
            refusal { () throws(DMError) in
                _ = try devices.registry.suspend(.name(ByteString("d")), .noflush, interrupt)
            }?.errno
        }
        interrupt.raise()
        #expect(try suspend.get() == .interrupted)
        store.openGate()
        try write.get().get()
        let read = handle.beginRead(0, 512)
        #expect(try status("d") == "1 0 0")
        #expect(handle.cancel(read.request))
        handle.close()
        try devices.shutDown()
    }
}
