import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct StackTests {
    private let devices = MemoryDevices()
    private var registry: DeviceRegistry { devices.registry }

    init() {
        for store in ["a", "b"] { devices.addStore(store, sectors: 64) }
    }

    private func name(_ name: String) -> DeviceReference { .name(ByteString(name)) }
    private func openCount(_ device: String) throws -> UInt32 {
        try registry.info(name(device)).openCount
    }

    @Test("a table holds its lower devices open: they can't be removed, and go top down (R3)")
    func holdsLowerOpen() throws {
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        #expect(try openCount("lower") == 1)
        #expect(throws: DMError(.resourceBusy)) {
            try registry.remove(name("lower"), deferred: false)
        }
        _ = try registry.remove(name("upper"), deferred: false)
        #expect(try openCount("lower") == 0)
        _ = try registry.remove(name("lower"), deferred: false)
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("an inactive table opens its lower devices at once, clear closes them")
    func inactiveOpens() throws {
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 zero")
        try devices.load("upper", "0 8 linear lower 0")
        #expect(try openCount("lower") == 1)
        #expect(
            try registry.dependencies(name("upper"), inactive: true).numbers
                == [DeviceNumber(major: 254, minor: 0)])
        _ = try registry.clear(name("upper"))
        #expect(try openCount("lower") == 0)
        try devices.shutDown()
    }

    @Test("live and inactive table share an edge: one opener; another mode is a second one")
    func sharesEdges() throws {
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("upper", "0 8 linear lower 0")
        try devices.load("upper", "0 8 linear lower 0\n8 8 linear lower 0")
        #expect(try openCount("lower") == 1)
        try devices.load("upper", "0 8 linear lower 0", readOnly: true)
        #expect(try openCount("lower") == 2)
        _ = try registry.resume(name("upper"))
        #expect(try openCount("lower") == 1)
        _ = try registry.remove(name("upper"), deferred: false)
        #expect(try openCount("lower") == 0)
        try devices.shutDown()
        #expect(registry.reading { $0.edges.isEmpty })
    }

    @Test("a table can't lead to its own device, directly or round about")
    func refusesCircles() throws {
        try devices.create("d0", "0 8 linear a 0")
        expectErrno(.invalidArgument) { () throws(DMError) in
            try devices.load("d0", "0 8 linear d0 0")
        }
        for index in 1..<5 { try devices.create("d\(index)", "0 8 linear d\(index - 1) 0") }
        for index in 1..<5 {
            expectErrno(.invalidArgument) { () throws(DMError) in
                try devices.load("d0", "0 8 linear a 0\n8 8 linear d\(index) 0")
            }
        }
        #expect(try openCount("d4") == 0 && openCount("d0") == 1)
        #expect(devices.users(of: "a") == 1)
        try devices.shutDown()
    }

    @Test("two loads that would close a circle between them: one is refused")
    func refusesCirclesOfTwoLoads() throws {
        for _ in 0..<50 {
            try devices.create("x", "0 8 linear a 0")
            try devices.create("y", "0 8 linear a 0")
            let devices = self.devices
            let loads = [("x", "y"), ("y", "x")].map { upper, lower in
                Background { () throws(DMError) in
                    _ = try devices.load(upper, "0 8 linear \(lower) 0")
                }
            }
            let errors = loads.map { load in refusal { () throws(DMError) in try load.get() } }
            #expect(errors.count { $0 == nil } == 1)
            #expect(errors.contains { $0?.errno == .invalidArgument })
            #expect(registry.removeAll(deferred: false) == 0)
        }
        try devices.shutDown()
    }

    @Test("the second of two loads under way is refused, whichever publishes first")
    func refusesCirclesWhileLoading() throws {
        try devices.create("x", "0 8 linear a 0")
        try devices.create("y", "0 8 linear a 0")
        let resolver = GatedResolver(devices, holding: ["b"])
        let registry = self.registry
        let loading = Background { () throws(DMError) in
            _ = try registry.load(
                .name(ByteString("x")),
                lines: MemoryDevices.lines("0 8 linear y 0\n8 8 linear b 0"),
                readOnly: false, resolver: resolver)
        }
        #expect(eventually { resolver.waitingLookups == 1 })
        expectErrno(.invalidArgument) { () throws(DMError) in
            try devices.load("y", "0 8 linear x 0")
        }
        resolver.open()
        try loading.get()
        try devices.shutDown()
    }

    @Test("32 devices one on another work, the 33rd is ELOOP, from below as well")
    func boundsDepth() throws {
        try devices.create("d1", "0 8 linear a 0")
        for index in 2...32 { try devices.create("d\(index)", "0 8 linear d\(index - 1) 0") }
        expectErrno(.tooManySymbolicLinkLevels) { () throws(DMError) in
            try devices.create("d33", "0 8 linear d32 0")
        }
        let handle = try devices.open("d32")
        try handle.write(100, [UInt8](repeating: 9, count: 3000))
        #expect(try handle.read(100, 3000) == [UInt8](repeating: 9, count: 3000))
        try handle.flush()
        try devices.create("e", "0 8 linear a 0")
        expectErrno(.tooManySymbolicLinkLevels) { () throws(DMError) in
            try devices.load("d1", "0 8 linear e 0")
        }
        handle.close()
        try devices.shutDown()
        #expect(devices.users(of: "a") == 0)
    }

    @Test("the deepest stack of striped devices splits and flushes")
    func deepStriped() throws {
        try devices.create("d1", "0 16 striped 2 1 a 0 b 0")
        for index in 2...32 { try devices.create("d\(index)", "0 16 striped 1 1 d\(index - 1) 0") }
        let handle = try devices.open("d32")
        let bytes = (0..<16 * 512).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try handle.write(0, bytes)
        #expect(try handle.read(0, bytes.count) == bytes)
        try handle.flush()
        _ = try registry.suspend(name("d1"))
        let read = handle.beginRead(0, bytes.count)
        #expect(!read.isDone)
        _ = try registry.resume(name("d1"))
        #expect(try read.get() == bytes)
        handle.close()
        try devices.shutDown()
    }

    @Test("a lower device that shrinks fails what lies beyond its end")
    func lowerShrinks() throws {
        try devices.create("lower", "0 16 linear a 0")
        try devices.create("upper", "0 16 linear lower 0")
        let handle = try devices.open("upper")
        try devices.load("lower", "0 8 linear a 0")
        _ = try registry.resume(name("lower"))
        try handle.write(0, [UInt8](repeating: 1, count: 8 * 512))
        #expect(throws: DMError(.ioError)) { try handle.write(8 * 512, [1]) }
        #expect(throws: DMError(.ioError)) { try handle.read(8 * 512 - 1, 2) }
        handle.close()
        try devices.shutDown()
    }

    @Test("a writable table over a read-only mapped device is accepted, its writes fail EIO")
    func writableOverReadOnly() throws {
        try devices.create("lower", "0 8 linear a 0", readOnly: true)
        try devices.create("upper", "0 8 linear lower 0")
        let handle = try devices.open("upper")
        #expect(!handle.isReadOnly)
        #expect(throws: DMError(.ioError)) { try handle.write(0, [1]) }
        _ = try handle.read(0, 1)
        handle.close()
        try devices.shutDown()
    }

    @Test("remove_all takes stacks down, and leaves what is open and what that stands on (R9)")
    func removesAll() throws {
        try devices.create("a1", "0 8 linear a 0")
        try devices.create("b1", "0 8 linear a1 0")
        try devices.create("c1", "0 8 linear b1 0")
        try devices.create("a2", "0 8 linear b 0")
        try devices.create("b2", "0 8 linear a2 0")
        try devices.create("c2", "0 8 linear b2 0")
        let handle = try devices.open("b2")
        #expect(registry.removeAll(deferred: false) == 2)
        #expect(registry.list().map(\.name.string) == ["a2", "b2"])
        #expect(devices.users(of: "a") == 0)
        #expect(registry.removeAll(deferred: true) == 2)
        #expect(registry.list().allSatisfy { $0.isDeferredRemove })
        handle.close()
        #expect(eventually { registry.list().isEmpty })
        registry.awaitCloses(nil)
        try devices.shutDown()
        #expect(devices.users(of: "b") == 0)
    }

    @Test("a forced removal: an error table takes the place of one in use")
    func errorTableInPlace() throws {
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        _ = try registry.suspend(name("d"), .noflush)
        let held = handle.beginRead(0, 512)
        try devices.load("d", "0 8 error")
        _ = try registry.resume(name("d"))
        #expect(throws: DMError(.ioError)) { try held.get() }
        #expect(devices.users(of: "a") == 0)
        #expect(throws: DMError(.resourceBusy)) {
            try registry.remove(name("d"), deferred: false)
        }
        handle.close()
        try devices.shutDown()
    }
}
