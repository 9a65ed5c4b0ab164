import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct ShutdownTests {
    private let devices = MemoryDevices()
    private var registry: DeviceRegistry { devices.registry }

    init() {
        for store in ["a", "b"] { devices.addStore(store, sectors: 64) }
    }

    private func name(_ name: String) -> DeviceReference { .name(ByteString(name)) }

    @Test("open devices make it fail, and nothing is changed (R20)")
    func refusesWhenBusy() throws {
        try devices.create("d", "0 8 linear a 0")
        try devices.create("e", "0 8 linear d 0")
        let handle = try devices.open("e")
        #expect(throws: DMError(.resourceBusy, "in use: e")) {
            try registry.beginShutdown(force: false)
        }
        try handle.write(0, [1])
        try devices.create("f", "0 8 zero")
        handle.close()
        try registry.beginShutdown(force: false)
        registry.finishShutdown()
        #expect(registry.list().isEmpty && registry.disks().isEmpty)
        #expect(devices.users(of: "a") == 0)
        #expect(devices.store("a")?.durableContents[0] == 1)
    }

    @Test("forced, held requests fail EIO wherever they are held, and open handles stay valid")
    func forces() throws {
        try devices.create("d", "0 8 linear a 0")
        try devices.create("e", "0 8 linear d 0")
        try devices.create("f", "0 16 striped 2 8 e 0 b 0")
        let handle = try devices.open("f")
        let other = try devices.open("d")
        _ = try registry.suspend(name("d"))
        let reads = [
            handle.beginRead(0, 512), handle.beginRead(0, 16 * 512), other.beginRead(0, 1),
        ]
        try registry.beginShutdown(force: true)
        for read in reads { #expect(throws: DMError(.ioError)) { try read.get() } }
        #expect(throws: DMError.noSuchDevice) { try devices.create("g", "0 8 zero") }
        #expect(throws: DMError.noSuchDevice) { try devices.open("d") }
        registry.finishShutdown()
        #expect(devices.users(of: "a") == 0 && devices.users(of: "b") == 0)
        #expect(throws: DMError(.ioError)) { try handle.read(0, 1) }
        #expect(throws: DMError(.ioError)) { try handle.flush() }
        #expect(throws: DMError.noSuchDevice) { try registry.suspend(name("d")) }
        handle.close()
        other.close()
    }

    @Test("forced, what is in flight is waited for, and flushed")
    func waitsForInFlight() throws {
        let a = try #require(devices.store("a"))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        a.closeGate()
        let writing = Background { handle.beginWrite(0, [1]) }
        #expect(eventually { a.waitingCalls == 1 })
        let registry = self.registry
        let ending = Background { () throws(DMError) in
            try registry.beginShutdown(force: true)
            registry.finishShutdown()
        }
        // The flush of the table must not overtake the write.
        #expect(eventually { registry.list().isEmpty })
        #expect(!ending.isDone)
        a.openGate()
        try writing.get().get()
        try ending.get()
        #expect(a.calls.map(\.kind) == [.write, .flush])
        #expect(a.durableContents[0] == 1)
        handle.close()
    }

    @Test("what is in flight can be waited for while the devices are still there, and refuse")
    func waitsUntilIdle() throws {
        let a = try #require(devices.store("a"))
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        a.closeGate()
        let writing = Background { handle.beginWrite(0, [1]) }
        #expect(eventually { a.waitingCalls == 1 })
        let registry = self.registry
        try registry.beginShutdown(force: true)
        let waiting = Background { () throws(DMError) in registry.waitUntilIdle() }
        #expect(throws: DMError(.ioError)) { try handle.read(0, 1) }
        #expect(!waiting.isDone)
        a.openGate()
        try writing.get().get()
        try waiting.get()
        #expect(!registry.list().isEmpty)
        handle.close()
        registry.finishShutdown()
    }

    @Test("a load under way doesn't keep it from ending")
    func overtakesLoad() throws {
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 zero")
        let resolver = GatedResolver(devices, holding: ["b"])
        let registry = self.registry
        let loading = Background { () throws(DMError) in
            _ = try registry.load(
                .name(ByteString("upper")),
                lines: MemoryDevices.lines("0 8 linear lower 0\n8 8 linear b 0"),
                readOnly: false, resolver: resolver)
        }
        #expect(eventually { resolver.waitingLookups == 1 })
        try registry.beginShutdown(force: false)
        registry.finishShutdown()
        #expect(registry.list().isEmpty)
        #expect(devices.users(of: "a") == 0)
        resolver.open()
        expectErrno(.noSuchAddressOrDevice) { () throws(DMError) in
            try loading.get()
        }
        #expect(devices.users(of: "b") == 0)
        #expect(registry.reading { $0.edges.isEmpty })
    }

    @Test("a removal under way is waited for")
    func waitsForRemoval() throws {
        let a = try #require(devices.store("a"))
        try devices.create("d", "0 16 striped 2 8 a 0 b 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        handle.close()
        a.closeGate()
        let registry = self.registry
        let removing = Background { () throws(DMError) in
            _ = try registry.remove(.name(ByteString("d")), deferred: false)
        }
        #expect(eventually { a.waitingCalls == 1 })
        let ending = Background { () throws(DMError) in
            try registry.beginShutdown(force: false)
            registry.finishShutdown()
        }
        #expect(eventually { registry.reading { $0.isClosed } })
        #expect(!ending.isDone)
        a.openGate()
        try removing.get()
        try ending.get()
        #expect(registry.reading { $0.disks.isEmpty })
        #expect(a.durableContents[0] == 1)
    }

    @Test("a registry that was shut down is freed, with all that it held")
    func leaksNothing() throws {
        weak var registry: DeviceRegistry?
        weak var device: MappedDevice?
        weak var table: Table?
        do {
            let devices = MemoryDevices()
            devices.addStore("a", sectors: 64)
            try devices.create("lower", "0 8 linear a 0")
            try devices.create("upper", "0 16 striped 2 8 lower 0 a 8")
            try devices.load("upper", "0 8 linear lower 0")
            let handle = try devices.open("upper")
            try handle.write(0, [UInt8](repeating: 1, count: 8192))
            try handle.flush()
            registry = devices.registry
            device = try devices.registry.device(name("lower"))
            table = device?.tables.live
            #expect(table != nil)
            handle.close()
            try devices.shutDown()
        }
        #expect(eventually { table == nil && device == nil && registry == nil })
    }
}
