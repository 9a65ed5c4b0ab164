import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

/// What a flush promises when a store fails at the Nth call.
@Suite struct WriteBackTests {
    static let shapes: [(name: String, tables: [String])] = [
        ("linear", ["0 16 linear a 0"]),
        ("two lines", ["0 8 linear a 0\n8 8 linear b 0"]),
        ("striped", ["0 16 striped 2 1 a 0 b 0"]),
        ("linear over striped", ["0 16 striped 2 2 a 0 b 0", "0 16 linear d0 0"]),
        (
            "striped over linear over one store",
            ["0 8 linear a 0", "0 8 linear a 8", "0 16 striped 2 4 d0 0 d1 0"]
        ),
    ]

    @Test(
        "what a flush acknowledged is durable, whichever call fails",
        arguments: shapes.map(\.tables), ["a", "b"])
    func acknowledgedIsDurable(tables: [String], failing: String) throws {
        var failedCalls = 0
        for call in 0..<200 {
            guard try run(tables, failing: failing, at: call) else { break }
            failedCalls += 1
        }
        let usesStore = tables.contains { $0.contains(" \(failing) ") }
        #expect(usesStore ? failedCalls > 10 : failedCalls == 0)
    }

    /// False: the workload ended before that call.
    private func run(_ tables: [String], failing: String, at call: Int) throws -> Bool {
        let devices = MemoryDevices()
        let stores = ["a", "b"].map { devices.addStore($0, sectors: 16) }
        let bad = failing == "a" ? stores[0] : stores[1]
        for (index, table) in tables.enumerated() { try devices.create("d\(index)", table) }
        let top = "d\(tables.count - 1)"
        let handle = try devices.open(top)
        let witness = try devices.open(top)
        bad.fail(afterChanges: call, .ioError)

        var generator = SeededGenerator(seed: 4)
        var expected = [UInt8](repeating: 0, count: 16 * 512)
        /// Told by a write that failed: those bytes are anything.
        var unknown = Set<Int>()
        var reported = 0
        for step in 0..<40 {
            if step % 5 == 4 {
                if let error = refusal({ () throws(DMError) in try handle.flush() }) {
                    #expect(error == DMError(.ioError))
                    reported += 1
                    // Reported: what that flush was to cover may be lost.
                    expected = try handle.read(0, expected.count)
                    unknown = []
                } else {
                    let durable = try durableContents(handle, stores)
                    if durable != expected {
                        let lost = durable.indices.filter {
                            durable[$0] != expected[$0] && !unknown.contains($0)
                        }
                        #expect(
                            lost.isEmpty, "call \(call), step \(step): \(lost.count) bytes lost")
                    }
                }
                continue
            }
            let offset = Int.random(in: 0..<16 * 512 - 3000, using: &generator)
            let bytes = generator.bytes(Int.random(in: 1...3000, using: &generator))
            let isFUA = generator.once(in: 4)
            let write = handle.beginWrite(UInt64(offset), bytes, forceUnitAccess: isFUA)
            let range = offset..<offset + bytes.count
            if let error = refusal({ () throws(DMError) in try write.get() }) {
                #expect(error == DMError(.ioError))
                reported += 1
                // Told at once; if it was the flush of a forced write, all before it is at stake.
                unknown.formUnion(range)
                if isFUA {
                    expected = try handle.read(0, expected.count)
                    unknown = []
                }
            } else {
                expected.replaceSubrange(range, with: bytes)
                if !unknown.isEmpty { unknown.subtract(range) }
                if isFUA {
                    #expect(
                        try Array(durableContents(handle, stores)[range]) == bytes, "call \(call)")
                }
            }
        }
        let changes = bad.calls.filter { $0.kind != .read }
        let failed = changes.count > call
        // The one failure is heard of once here.
        #expect(reported == (failed ? 1 : 0), "call \(call)")
        if failed {
            // And, if it was of a flush, once by the other opener.
            let heard = (0..<3).count { _ in
                refusal { () throws(DMError) in try witness.flush() } != nil
            }
            #expect(heard == (changes[call].kind == .flush ? 1 : 0), "call \(call)")
        }
        handle.close()
        witness.close()
        try devices.shutDown()
        return failed
    }

    /// What a crash would leave of the device: as it reads now, with each store as it was flushed.
    /// Found by comparing what the stores hold, so that no formula is used twice.
    private func durableContents(
        _ handle: DeviceHandle, _ stores: [MemoryStore]
    ) throws -> [UInt8] {
        let kept = stores.map(\.contents)
        for store in stores { store.replaceContents(store.durableContents) }
        defer { for (store, bytes) in zip(stores, kept) { store.replaceContents(bytes) } }
        return try handle.read(0, 16 * 512)
    }

    @Test("each opener hears of a failed write-back once, a new one only if nobody did")
    func reportsOncePerOpener() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let first = try devices.open("d")
        let second = try devices.open("d")
        try first.write(0, [1])
        a.fail(after: 0, .noSpace)
        #expect(throws: DMError(.noSpace)) { try first.flush() }
        let late = try devices.open("d")
        try late.flush()
        try first.flush()
        #expect(throws: DMError(.noSpace)) { try second.flush() }
        try second.flush()
        for handle in [first, second, late] { handle.close() }
        try devices.shutDown()
    }

    @Test("an error that nobody heard of waits for the next opener")
    func reportsToNextOpener() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let writer = try devices.open("d")
        try writer.write(0, [1])
        writer.close()
        a.fail(after: 0, .ioError)
        _ = try devices.registry.suspend(.name(ByteString("d")))
        _ = try devices.registry.resume(.name(ByteString("d")))
        let next = try devices.open("d")
        #expect(throws: DMError(.ioError)) { try next.flush() }
        try next.flush()
        let last = try devices.open("d")
        try last.flush()
        next.close()
        last.close()
        try devices.shutDown()
    }

    @Test("an error at the swap of tables is reported once to each opener of the device")
    func reportsAfterSwap() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        // Keeps the store, and what it knows of errors.
        try devices.create("other", "0 8 linear a 0")
        try devices.create("d", "0 8 linear a 0")
        let handles = [try devices.open("d"), try devices.open("d")]
        try handles[0].write(0, [1])
        a.fail(after: 0, .ioError)
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(.name(ByteString("d")))
        for handle in handles {
            #expect(throws: DMError(.ioError)) { try handle.flush() }
            try handle.flush()
        }
        // Back to the store: they know already.
        try devices.load("d", "0 8 linear a 0")
        _ = try devices.registry.resume(.name(ByteString("d")))
        for handle in handles {
            try handle.flush()
            handle.close()
        }
        try devices.shutDown()
    }

    @Test("a forced write reports an error at the swap of tables as well")
    func reportsAfterSwapToForcedWrite() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        a.fail(after: 0, .ioError)
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(.name(ByteString("d")))
        #expect(throws: DMError(.ioError)) {
            try handle.beginWrite(0, [1], forceUnitAccess: true).get()
        }
        try handle.flush()
        handle.close()
        try devices.shutDown()
    }

    @Test("an error at the swap of tables waits for the next opener if there was none")
    func reportsAfterSwapToNextOpener() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        devices.addStore("b", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let writer = try devices.open("d")
        try writer.write(0, [1])
        writer.close()
        a.fail(after: 0, .ioError)
        try devices.load("d", "0 8 linear b 0")
        _ = try devices.registry.resume(.name(ByteString("d")))
        let next = try devices.open("d")
        #expect(throws: DMError(.ioError)) { try next.flush() }
        try next.flush()
        next.close()
        let last = try devices.open("d")
        try last.flush()
        last.close()
        try devices.shutDown()
    }

    @Test("a flush visits each distinct lower device once")
    func flushesEachOnce() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 64)
        let b = devices.addStore("b", sectors: 64)
        try devices.create(
            "d", "0 8 linear a 0\n8 16 striped 2 8 a 8 b 0\n24 8 zero\n32 8 error\n40 8 linear a 40"
        )
        let handle = try devices.open("d")
        try handle.flush()
        #expect(a.calls.count == 1 && b.calls.count == 1)
        handle.close()
        try devices.shutDown()
    }

    @Test("a flush waits in a suspended device, here or below", arguments: ["upper", "lower"])
    func flushIsHeld(device: String) throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 8)
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        let handle = try devices.open("upper")
        _ = try devices.registry.suspend(.name(ByteString(device)))
        let flush = handle.beginFlush()
        #expect(!flush.isDone)
        _ = try devices.registry.resume(.name(ByteString(device)))
        try flush.get()
        handle.close()
        try devices.shutDown()
    }

    @Test("flushes that come while one is under way are answered by a later one")
    func flushesTogether() throws {
        let devices = MemoryDevices(inlineLimit: 0)
        let a = devices.addStore("a", sectors: 8)
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        a.closeGate()
        let first = handle.beginFlush()
        #expect(eventually { a.waitingCalls == 1 })
        let others = (0..<50).map { _ in handle.beginFlush() }
        #expect(!first.isDone && others.allSatisfy { !$0.isDone })
        a.openGate()
        for flush in [first] + others { try flush.get() }
        // None is answered by the flush that was under way when it came.
        #expect((2...51).contains(a.calls.count))
        handle.close()
        try devices.shutDown()
    }
}
