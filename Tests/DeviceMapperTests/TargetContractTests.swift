import DMTestSupport
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
