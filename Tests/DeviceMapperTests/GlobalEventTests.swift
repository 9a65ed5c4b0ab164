import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// What `poll` on the control device tells of, as Linux 6.1 answered command by command.
@Suite struct GlobalEventTests {
    private let devices = MemoryDevices()
    private var registry: DeviceRegistry { devices.registry }

    init() { devices.addStore("a", sectors: 16) }

    /// Whether the number rises while `body` runs, which may be refused.
    private func isEvent(_ body: () throws -> Void) -> Bool {
        let before = registry.globalEvents.current
        try? body()
        return registry.globalEvents.current != before
    }

    private func name(_ name: String) -> DeviceReference { .name(ByteString(name)) }

    private func create(_ name: String) throws {
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
    }

    @Test("a create, a swap, a rename and a uuid raise one; load, clear, suspend and resume don't")
    func life() throws {
        #expect(isEvent { try create("x") })
        #expect(!isEvent { try create("x") })
        #expect(!isEvent { try devices.load("x", "0 8 linear a 0") })
        #expect(!isEvent { _ = try registry.clear(name("x")) })
        #expect(!isEvent { try devices.load("x", "0 8 linear a 0") })
        #expect(isEvent { _ = try registry.resume(name("x")) })
        #expect(!isEvent { _ = try registry.resume(name("x")) })
        #expect(!isEvent { _ = try registry.suspend(name("x")) })
        #expect(!isEvent { _ = try registry.resume(name("x")) })
        #expect(!isEvent { try devices.load("x", "0 8 linear a 5000") })
        #expect(!isEvent { _ = try registry.resume(name("x")) })
        #expect(!isEvent { _ = try registry.resume(name("x")) })
        #expect(isEvent { _ = try registry.rename(ByteString("x"), to: ByteString("y")) })
        #expect(!isEvent { _ = try registry.rename(ByteString("y"), to: ByteString("y")) })
        #expect(!isEvent { _ = try registry.rename(ByteString("x"), to: ByteString("z")) })
        #expect(isEvent { _ = try registry.setUUID(ByteString("y"), to: ByteString("U")) })
        #expect(!isEvent { _ = try registry.setUUID(ByteString("y"), to: ByteString("U")) })
        for word in ["hello", "@nosuch", "@cancel_deferred_remove"] {
            #expect(
                !isEvent {
                    _ = try registry.message(name("y"), sector: 0, words: [ByteString(word)])
                })
        }
        #expect(isEvent { _ = try registry.remove(name("y"), deferred: false) })
        #expect(!isEvent { _ = try registry.remove(name("y"), deferred: false) })
        try devices.shutDown()
    }

    @Test("remove --deferred and remove_all raise one, whatever they find to do")
    func removals() throws {
        try devices.create("x", "0 8 linear a 0")
        let handle = try devices.open("x")
        #expect(!isEvent { _ = try registry.remove(name("x"), deferred: false) })
        #expect(isEvent { _ = try registry.remove(name("x"), deferred: true) })
        #expect(isEvent { _ = try registry.remove(name("x"), deferred: true) })
        #expect(isEvent { _ = registry.removeAll(deferred: true) })
        #expect(isEvent { _ = registry.removeAll(deferred: false) })
        let told = isEvent {
            handle.close()
            #expect(eventually { registry.list().isEmpty })
            registry.awaitCloses(nil)
        }
        #expect(told)
        #expect(isEvent { _ = registry.removeAll(deferred: false) })
        #expect(isEvent { _ = registry.removeAll(deferred: true) })
        try create("bare")
        #expect(isEvent { _ = try registry.remove(name("bare"), deferred: true) })
        try devices.shutDown()
    }

    @Test("a device that was marked and has no live table goes without an event")
    func silentLastClose() throws {
        try create("x")
        try devices.load("x", "0 8 linear a 0")
        let handle = try devices.open("x")
        #expect(isEvent { _ = try registry.remove(name("x"), deferred: true) })
        let silent = !isEvent {
            handle.close()
            #expect(eventually { registry.list().isEmpty })
            registry.awaitCloses(nil)
        }
        #expect(silent)
        try devices.shutDown()
    }

    @Test("an error of a stripe raises one, a failed lookup none")
    func targets() throws {
        try devices.create("low", "0 8 error")
        try devices.create("high", "0 8 striped 1 8 low 0")
        let handle = try devices.open("high")
        #expect(isEvent { _ = try handle.read(0, 512) })
        #expect(!isEvent { try devices.load("high", "0 8 linear nosuch 0") })
        handle.close()
        try devices.shutDown()
    }
}
