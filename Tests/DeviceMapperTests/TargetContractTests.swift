import DMTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import DeviceMapper

/// What the core gives to targets that do more than map, shown with targets of the tests' own.
@Suite struct TargetContractTests {
    private static let key: UInt8 = 90

    @Test("bytes are changed on the way, also of parts and over several devices")
    func changesBytes() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 64)
        let b = devices.addStore("b", sectors: 64)
        try devices.create("x", "0 32 xor a 0 90\n32 32 xor b 0 90")
        try devices.create("top", "0 64 linear x 0")
        let handle = try devices.open("top")
        var generator = SeededGenerator(seed: 7)
        let bytes = generator.bytes(64 * 512)
        try handle.write(0, bytes)
        let encoded = bytes.map { $0 ^ Self.key }
        #expect(a.contents[..<(32 * 512)].elementsEqual(encoded[..<(32 * 512)]))
        #expect(b.contents[..<(32 * 512)].elementsEqual(encoded[(32 * 512)...]))
        #expect(try handle.read(0, bytes.count) == bytes)
        let odd = 31 * 512 + 100
        #expect(try handle.read(UInt64(odd), 1000) == Array(bytes[odd...].prefix(1000)))
        try handle.flush()
        handle.close()
        try devices.shutDown()
    }

    @Test(
        "of overlapping writes that were deferred the later wins, though its target changes threads"
    )
    func order() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 64)
        try devices.create("x", "0 32 xor a 0 90")
        let handle = try devices.open("x")
        for _ in 0..<100 {
            _ = try devices.registry.suspend(.name("x"), [])
            let first = handle.beginWrite(0, [UInt8](repeating: 1, count: 16384))
            let second = handle.beginWrite(0, [UInt8](repeating: 2, count: 512))
            _ = try devices.registry.resume(.name("x"))
            try first.get()
            try second.get()
            #expect(a.contents[0] == 2 ^ Self.key)
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a deferred write waits for the one that it overlaps, and for no other")
    func waitsForItsOwn() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 8)
        let stuck = devices.addStore("stuck", sectors: 8)
        try devices.create("x", "0 8 linear stuck 0\n8 8 linear a 0")
        let handle = try devices.open("x")
        _ = try devices.registry.suspend(.name("x"), [])
        let hanging = handle.beginWrite(0, [UInt8](repeating: 1, count: 1024))
        let behind = handle.beginWrite(512, [UInt8](repeating: 2, count: 8 * 512))
        let behindThat = handle.beginWrite(8 * 512, [UInt8](repeating: 3, count: 512))
        let beside = handle.beginWrite(10 * 512, [UInt8](repeating: 4, count: 512))
        stuck.closeGate()
        _ = try devices.registry.resume(.name("x"))
        try beside.get()
        #expect(!hanging.isDone && !behind.isDone && !behindThat.isDone)
        // Whoever gives one up that waits gets it back.
        #expect(handle.cancel(behindThat.request))
        #expect(behindThat.wait()?.error == .interrupted)
        stuck.openGate()
        try hanging.get()
        try behind.get()
        #expect(stuck.contents[512] == 2)
        handle.close()
        try devices.shutDown()
    }

    @Test("many deferred writes of one block end, in order, without nesting")
    func manyOfOneBlock() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 8)
        try devices.create("x", "0 8 linear a 0")
        try devices.create("z", "0 8 zero")
        for name in ["x", "z"] {
            let handle = try devices.open(name)
            _ = try devices.registry.suspend(.name(ByteString(name)), [])
            let writes = (0..<3000).map {
                handle.beginWrite(0, [UInt8](repeating: UInt8($0 % 251), count: 512))
            }
            _ = try devices.registry.resume(.name(ByteString(name)))
            for write in writes { try write.get() }
            handle.close()
        }
        #expect(a.contents[0] == UInt8(2999 % 251))
        try devices.shutDown()
    }

    @Test("metadata is committed at a suspend and before a status, read at a load")
    func metadata() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        let metadata = devices.addStore("m", sectors: 8)
        try devices.create("x", "0 32 counting a 0 m")
        let handle = try devices.open("x")
        try handle.write(0, [UInt8](repeating: 1, count: 512))
        #expect(metadata.contents[0] == 0)
        _ = try devices.registry.suspend(.name("x"))
        #expect(metadata.contents[0] == 1)
        _ = try devices.registry.resume(.name("x"))
        try handle.write(0, [UInt8](repeating: 1, count: 512))
        func text(noflush: Bool) throws -> ByteString? {
            try devices.registry.tableStatus(
                .name("x"), .info, inactive: false, noflush: noflush
            ).lines.first?.text
        }
        #expect(try text(noflush: true) == "2")
        #expect(metadata.contents[0] == 1)
        #expect(try text(noflush: false) == "2")
        #expect(metadata.contents[0] == 2)
        try devices.load("x", "0 32 counting a 0 m")
        _ = try devices.registry.resume(.name("x"))
        let reply = try devices.registry.message(.name("x"), sector: 31, words: ["count"]).reply
        #expect(reply == "2")
        handle.close()
        try devices.shutDown()
    }

    @Test("tables of two devices share what their targets have together, until both are gone")
    func sharedState() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        devices.addStore("m", sectors: 8)
        for name in ["x", "y"] { try devices.create(name, "0 8 counting a 0 m") }
        func refuse(_ name: ByteString) throws {
            _ = try devices.registry.message(.name(name), sector: 0, words: ["refuse"])
        }
        try refuse("x")
        _ = try devices.registry.suspend(.name("y"))
        #expect(throws: DMError(.ioError, "refused")) {
            try devices.registry.resume(.name("y"))
        }
        _ = try devices.registry.resume(.name("y"))
        try refuse("x")
        for name in ["x", "y"] {
            _ = try devices.registry.remove(.name(ByteString(name)), deferred: false)
        }
        // Nobody remembers.
        try devices.create("z", "0 8 counting a 0 m")
        try devices.shutDown()
    }

    @Test("a message is refused where no target takes it, by the kernel's words")
    func messages() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        try devices.create("x", "0 32 counting a 0 a")
        func refusal(_ sector: UInt64, _ words: [ByteString], of name: ByteString = "x") -> DMError?
        {
            do throws(DMError) {
                _ = try devices.registry.message(.name(name), sector: sector, words: words)
                return nil
            } catch { return error }
        }
        #expect(refusal(0, ["nonsense"])?.errno == .invalidArgument)
        #expect(refusal(32, ["count"])?.message == "Target message sector outside device.")
        try devices.create("l", "0 8 linear a 0")
        #expect(
            refusal(0, ["count"], of: "l")?.message == "Target type does not support messages")
        _ = try devices.registry.create(name: "empty", uuid: .empty, minor: nil)
        #expect(refusal(0, ["count"], of: "empty")?.errno == .invalidArgument)
        try devices.shutDown()
    }

    @Test("a type's rules are kept as dm_table_add_target keeps them")
    func rules() throws {
        let more: [(String, TargetRules)] = [
            ("alone", .singleton), ("fixed", .immutable), ("writer", .alwaysWriteable),
        ]
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.moreTargetTypes = more.map { name, rules in
            TargetType(name: name, version: (1, 0, 0), rules: rules) { ErrorTarget($0) }
        }
        let devices = MemoryDevices(configuration)
        func refusal(_ table: String, readOnly: Bool = false) -> String? {
            do throws(DMError) {
                try devices.create("d", table, readOnly: readOnly)
                _ = try devices.registry.remove(.name("d"), deferred: false)
                return nil
            } catch { return error.message }
        }
        #expect(refusal("0 8 alone") == nil)
        #expect(refusal("0 8 alone\n8 8 zero") == "target type alone must appear alone in table")
        #expect(refusal("0 8 alone\n8 8 alone") == "target type alone must appear alone in table")
        #expect(
            refusal("0 8 zero\n8 8 alone")
                == "alone: singleton target type must appear alone in table")
        let mixed = "immutable target type cannot be mixed with other target types"
        #expect(refusal("0 8 fixed\n8 8 fixed") == nil)
        #expect(refusal("0 8 fixed\n8 8 zero") == "zero: \(mixed)")
        #expect(refusal("0 8 zero\n8 8 fixed") == "fixed: \(mixed)")
        #expect(refusal("0 8 writer") == nil)
        #expect(
            refusal("0 8 writer", readOnly: true)
                == "writer: target type may not be included in a read-only table")

        try devices.create("d", "0 8 fixed")
        do throws(DMError) {
            try devices.load("d", "0 8 zero")
            Issue.record("another type took the place of an immutable one")
        } catch {
            #expect(error.errno == .invalidArgument)
            #expect(error.message == "can't replace immutable target type fixed")
        }
        try devices.load("d", "0 8 fixed")
        try devices.load("d", "0 8 error")
        _ = try devices.registry.resume(.name("d"))
        try devices.load("d", "0 8 zero")
        try devices.shutDown()
    }

    @Test("a write to a part of a block waits for no other block, whatever hangs there")
    func hangingBlock() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 8)
        let stuck = devices.addStore("stuck", sectors: 8)
        try devices.create("x", "0 8 xor stuck 0 90 4096\n8 8 xor a 0 90 4096")
        let handle = try devices.open("x")
        stuck.closeGate()
        let hanging = Background { () throws(DMError) in try handle.write(100, [1, 2, 3]) }
        #expect(eventually { stuck.waitingCalls > 0 })
        try handle.write(8 * 512 + 100, [4, 5, 6])
        #expect(try handle.read(8 * 512 + 100, 3) == [4, 5, 6])
        #expect(!hanging.isDone)
        stuck.openGate()
        try hanging.get()
        #expect(try handle.read(100, 3) == [1, 2, 3])
        handle.close()
        try devices.shutDown()
    }

    @Test("hanging stores keep no compute thread")
    func hangingCompute() throws {
        let devices = MemoryDevices(inlineLimit: 1000)
        devices.addStore("a", sectors: 8)
        let stuck = devices.addStore("stuck", sectors: 8)
        try devices.create("s", "0 8 xor stuck 0 90")
        try devices.create("x", "0 8 xor a 0 90")
        let held = try devices.open("s")
        let handle = try devices.open("x")
        stuck.closeGate()
        let writes = (0..<64).map { _ in held.beginWrite(0, [1]) }
        try handle.write(0, [7])
        #expect(try handle.read(0, 1) == [7])
        stuck.openGate()
        for write in writes { try write.get() }
        held.close()
        handle.close()
        try devices.shutDown()
    }

    @Test("zeroes that aren't whole blocks are split: a part of one, whole ones, a part of one")
    func zeroesOfParts() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        try devices.create("x", "0 64 xor a 0 90 4096")
        let handle = try devices.open("x")
        var bytes = [UInt8](repeating: 3, count: 64 * 512)
        try handle.write(0, bytes)
        try handle.writeZeroes(512, 5 * 4096)
        bytes.replaceSubrange(512..<(512 + 5 * 4096), with: repeatElement(0, count: 5 * 4096))
        #expect(try handle.read(0, bytes.count) == bytes)
        handle.close()
        try devices.shutDown()
    }

    @Test("a line that isn't whole blocks of its target's is refused")
    func unalignedLine() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        do throws(DMError) {
            try devices.create("x", "0 12 xor a 0 90 4096\n12 4 xor a 16 90 4096")
            Issue.record("half a block was taken")
        } catch {
            #expect(error.errno == .invalidArgument)
            #expect(
                error.message
                    == "table line 0 (start sect 0 len 12) not aligned to h/w logical block size 4096"
            )
        }
        try devices.shutDown()
    }

    @Test(
        "at the end of the daemon metadata reaches a mapped device below",
        arguments: ["0 8 linear m 0", "0 8 delay m 0 60000"], [false, true])
    func metadataAtEnd(table: String, force: Bool) throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        let metadata = devices.addStore("m", sectors: 8)
        try devices.create("meta", "0 8 linear m 0")
        try devices.create("x", "0 32 counting a 0 meta")
        let handle = try devices.open("x")
        try handle.write(0, [UInt8](repeating: 1, count: 512))
        handle.close()
        try devices.load("meta", table)
        _ = try devices.registry.resume(.name("meta"))
        try devices.registry.beginShutdown(force: force)
        devices.registry.finishShutdown()
        #expect(metadata.contents[0] == 1)
    }

    @Test(
        "a read that a device below holds is known by the bytes of the device that it was sent to")
    func heldReadBelow() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        try devices.create("low", "0 64 linear a 0")
        try devices.create("top", "0 32 linear low 16")
        let handle = try devices.open("top")
        _ = try devices.registry.suspend(.name("low"), .noflush)
        let read = handle.beginRead(512, 1024)
        #expect(handle.holdsRead(of: 1000..<1001) && !handle.holdsRead(of: 8192..<16384))
        _ = try devices.registry.resume(.name("low"))
        try read.get()
        handle.close()
        try devices.shutDown()
    }

    @Test("what is cached is dropped after a swap whose resume was refused at first")
    func refusedSwapDropsCache() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 64)
        devices.addStore("m", sectors: 8)
        try devices.create("x", "0 32 counting a 0 m")
        let device = try devices.registry.device(.name("x"))
        _ = try devices.registry.message(.name("x"), sector: 0, words: ["refuse"])
        try devices.load("x", "0 48 counting a 0 m")
        #expect(throws: DMError.self) { try devices.registry.resume(.name("x")) }
        #expect(device.hasStaleCache)
        #expect(try device.resume([], nil) != nil)
        #expect(!device.hasStaleCache)
        try devices.shutDown()
    }

    /// Hears of ends, and says another.
    private final class ForgivingTarget: Target, @unchecked Sendable {
        let device: LowerDevice
        init(parsing context: TargetContext) throws(DMError) {
            device = try context.lowerDevice(context.arguments[0], reason: "")
            super.init(context)
        }
        override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
            .remapped(.passUnretained(device), offset: offset, .end(tag: 0))
        }
        override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
            .ended(error == .ioError ? nil : error)
        }
        override func lowerAreas() -> [LowerArea] {
            [LowerArea(device: device, start: 0, length: (end - begin) / Sectors.size)]
        }
    }

    @Test("what a target says of a request's end counts, also of one that was cut below")
    func otherEnd() throws {
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.moreTargetTypes = [
            TargetType(name: "forgiving", version: (1, 0, 0)) { context throws(DMError) in
                try ForgivingTarget(parsing: context)
            }
        ]
        let devices = MemoryDevices(configuration)
        devices.addStore("a", sectors: 64)
        try devices.create("low", "0 8 linear a 0\n8 8 error")
        try devices.create("x", "0 16 forgiving low")
        let handle = try devices.open("x")
        try handle.write(0, [UInt8](repeating: 1, count: 16 * 512))
        try handle.write(8 * 512, [1])
        handle.close()
        try devices.shutDown()
    }

    @Test("the targets of a table that is refused later are closed")
    func closesTargets() throws {
        final class Closes: Sendable { let count = Atomic<Int>(0) }
        final class ClosingTarget: Target, @unchecked Sendable {
            let closes: Closes
            init(_ context: TargetContext, _ closes: Closes) {
                self.closes = closes
                super.init(context)
            }
            override var hasLife: Bool { true }
            override func close() { closes.count.add(1, ordering: .relaxed) }
        }
        let closes = Closes()
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.moreTargetTypes = [
            TargetType(name: "closing", version: (1, 0, 0)) { ClosingTarget($0, closes) }
        ]
        let devices = MemoryDevices(configuration)
        #expect(throws: DMError.self) {
            try devices.create("x", "0 8 closing\n8 8 closing\n16 8 nonsense")
        }
        #expect(closes.count.load(ordering: .relaxed) == 2)
        try devices.shutDown()
    }

    @Test("the devices' jobs take turns at the compute threads")
    func fairness() {
        let context = [IORequest { _ in }, IORequest { _ in }]
        var jobs = ComputeWorkers.FairJobs()
        let devices = MemoryDevices()
        defer { try? devices.shutDown() }
        let first = ObjectIdentifier(context[0])
        let second = ObjectIdentifier(context[1])
        let target = Unmanaged<Target>.fromOpaque(UnsafeRawPointer(bitPattern: 8)!)
        func add(_ step: Int, of device: ObjectIdentifier) {
            jobs.append(
                ComputeWorkers.Job(
                    request: context[0], target: target, step: step, device: device))
        }
        for step in 0..<3 { add(step, of: first) }
        for step in 10..<12 { add(step, of: second) }
        #expect((0..<5).compactMap { _ in jobs.popFirst()?.step } == [0, 10, 1, 11, 2])
        #expect(jobs.popFirst() == nil)
        add(5, of: first)
        #expect(jobs.popFirst()?.step == 5)
        #expect(jobs.count == 0)
    }
}
