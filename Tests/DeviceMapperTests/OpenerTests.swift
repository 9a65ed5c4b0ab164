import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// What opens the words of table lines, when a registry has more ways than files and block devices.
@Suite struct OpenerTests {
    private let opener = MemoryOpener()
    private let registry: DeviceRegistry

    init() {
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.moreOpeners = [opener]
        registry = DeviceRegistry(configuration)
    }

    private var paths: ClientPaths {
        ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: ByteString("/dev"),
            mountPoint: ByteString("/nonexistent-mount"), mountDevice: 0)
    }

    private func create(
        _ name: String, _ table: String, readOnly: Bool = false
    ) throws(DMError) {
        let reference = DeviceReference.name(ByteString(name))
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        _ = try registry.load(
            reference, lines: MemoryDevices.lines(table), readOnly: readOnly, resolver: paths)
        _ = try registry.resume(reference)
    }

    private func open(_ name: String) throws(DMError) -> DeviceHandle {
        guard let disk = registry.disk(named: ByteString(name)) else { throw .noSuchDevice }
        return try registry.open(minor: disk.number.minor, generation: disk.generation)
    }

    private func table(_ name: String, paths: Bool) throws -> [ByteString] {
        try registry.tableStatus(
            .name(ByteString(name)), .table(paths: paths), inactive: false
        ).lines.map(\.text)
    }

    private func end() throws {
        try registry.beginShutdown(force: true)
        registry.finishShutdown()
        #expect(opener.open.isEmpty)
    }

    @Test("two tables share what two words mean, and it closes with the last")
    func sharesByIdentity() throws {
        try create("x", "0 8 linear mem:one 0", readOnly: true)
        #expect(opener.open == ["one": false])
        // The same with capitals, to this opener.
        try create("y", "0 8 linear mem:ONE 0")
        #expect(opener.open == ["one": true], "made writable where it was")
        #expect(opener.opened == 1)
        let (x, y) = (try open("x"), try open("y"))
        try y.write(512, [7])
        #expect(try x.read(512, 1) == [7])
        x.close()
        y.close()
        _ = try registry.remove(.name(ByteString("y")), deferred: false)
        #expect(opener.open == ["one": true])
        _ = try registry.remove(.name(ByteString("x")), deferred: false)
        #expect(opener.open.isEmpty)
        try end()
    }

    @Test("it has a number that leads there again, and its word for tables with paths")
    func numbers() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.file("f", size: 4096)
        try create("x", "0 8 linear mem:one 0\n8 8 linear \(file) 0\n16 8 linear mem:two 0")
        #expect(try table("x", paths: false) == ["251:0 0", "251:1 0", "251:2 0"])
        #expect(try table("x", paths: true) == ["mem:one 0", ByteString("\(file) 0"), "mem:two 0"])
        try create("y", "0 8 linear 251:2 0")
        #expect(opener.opened == 2)
        #expect(try table("y", paths: true) == ["mem:two 0"])
        for name in ["x", "y"] {
            _ = try registry.remove(.name(ByteString(name)), deferred: false)
        }
        #expect(opener.open.isEmpty)
        // Kept while the mount lives.
        try create("z", "0 8 linear 251:2 0")
        #expect(try table("z", paths: true) == ["mem:two 0"])
        try end()
    }

    @Test("what it refuses is refused, and what isn't its own goes to the others")
    func refusals() throws {
        expectErrno(.permissionDenied) { () throws(DMError) in
            try create("x", "0 8 linear mem:forbidden 0")
        }
        expectErrno(.operationNotSupportedByDevice) { () throws(DMError) in
            try create("y", "0 8 linear /nonexistent/mem:one 0")
        }
        #expect(opener.open.isEmpty && opener.opened == 0)
        try end()
    }
}

/// Words "mem:NAME", capitals or not: late stores of 8 sectors, which are gone when nobody has them
/// open.
private final class MemoryOpener: DeviceOpener, @unchecked Sendable {
    // @unchecked: guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "MemoryOpener.lock")
    private var stores: [String: (store: LateStore, isWritable: Bool)] = [:]
    private var count = 0

    /// What is open now, and whether for writes.
    var open: [String: Bool] {
        lock.withLock { stores }.filter { !$0.value.store.memory.isClosed }
            .mapValues(\.isWritable)
    }
    /// How often something was opened.
    var opened: Int { lock.withLock { count } }

    private static func name(_ place: DevicePlace) -> String? {
        guard case .word(let word) = place, word.hasPrefix("mem:") else { return nil }
        return String(word.string.dropFirst(4)).lowercased()
    }

    func identity(of place: DevicePlace) -> DeviceIdentity? {
        MemoryOpener.name(place).map { .other(kind: "mem", ByteString($0)) }
    }

    func open(_ place: DevicePlace, writable: Bool) throws(DMError) -> OpenedStore {
        guard let name = MemoryOpener.name(place), name != "forbidden" else {
            throw DMError(.permissionDenied, "mem: forbidden")
        }
        let store = LateStore(sectors: 8, .seeded(1))
        lock.withLock {
            stores[name] = (store, writable)
            count += 1
        }
        return OpenedStore(.asynchronous(store), isWritable: writable)
    }

    func makeWritable(_ opened: OpenedStore, _ place: DevicePlace) throws(DMError) -> Bool {
        if let name = MemoryOpener.name(place) {
            lock.withLock { stores[name]?.isWritable = true }
        }
        return true
    }
}
