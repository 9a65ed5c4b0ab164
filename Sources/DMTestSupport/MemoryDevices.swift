package import DeviceMapper
import SystemPackage

/// A registry over stores in memory: words of table lines are the names of stores, "MAJOR:MINOR"
/// of mapped devices, or names of mapped devices.
package final class MemoryDevices: DeviceResolver, @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    package let registry: DeviceRegistry
    private let lock = Lock(rank: .leaf, name: "MemoryDevices.lock")
    private var devices: [ByteString: (BackingDevice, MemoryStore)] = [:]
    private var users: [ByteString: Int] = [:]
    private var lookups: [ByteString: Int] = [:]
    /// Called when a table closes the store of that name, with no lock held. Set before any does.
    package var onRelease: (@Sendable (String) -> Void)?

    package convenience init(inlineLimit: Int = 3, trace: LifecycleTrace? = nil) {
        var configuration = RegistryConfiguration(
            mappedMajor: 254, backingMajor: 251, inlineLimit: inlineLimit)
        configuration.lifecycleTrace = trace
        self.init(configuration)
    }

    package init(_ configuration: RegistryConfiguration) {
        var configuration = configuration
        #if DEBUG
            configuration.moreTargetTypes += TestTargets.all
        #endif
        registry = DeviceRegistry(configuration)
    }

    @discardableResult
    package func addStore(_ name: String, _ store: MemoryStore) -> MemoryStore {
        add(name, .synchronous(store), store)
        return store
    }

    /// `store` is what it has in memory then.
    @discardableResult
    package func addStore(_ name: String, _ store: LateStore) -> LateStore {
        add(name, .asynchronous(store), store.memory)
        return store
    }

    private func add(_ name: String, _ store: AnyStore, _ memory: MemoryStore) {
        let key = ByteString(name)
        lock.withLock {
            let device = BackingDevice(
                number: DeviceNumber(major: 251, minor: UInt32(devices.count)), name: name,
                path: ByteString("/\(name)"), store: store, workers: registry.workers,
                onRelease: { [unowned self] in
                    onRelease?(name)
                    lock.withLock { users[key, default: 0] -= 1 }
                })
            devices[key] = (device, memory)
        }
    }

    @discardableResult
    package func addStore(_ name: String, sectors: Int) -> MemoryStore {
        addStore(name, MemoryStore(sectors: sectors))
    }

    package func store(_ name: String) -> MemoryStore? {
        lock.withLock { devices[ByteString(name)]?.1 }
    }

    /// Tables that hold the store open.
    package func users(of name: String) -> Int {
        lock.withLock { users[ByteString(name)] ?? 0 }
    }

    /// How often the name was looked up.
    package func lookups(of name: String) -> Int {
        lock.withLock { lookups[ByteString(name)] ?? 0 }
    }

    package func resolve(_ word: ByteString, writable: Bool) throws(DMError) -> ResolvedDevice {
        let found = lock.withLock { () -> BackingDevice? in
            lookups[word, default: 0] += 1
            guard let device = devices[word]?.0 else { return nil }
            users[word, default: 0] += 1
            return device
        }
        if let found { return .backing(found) }
        if let disk = registry.disk(named: word) { return .mapped(minor: disk.number.minor) }
        throw DMError(.operationNotSupportedByDevice)
    }

    // MARK: Shorthand

    /// A device with a live table of dmsetup's lines.
    @discardableResult
    package func create(
        _ name: String, _ table: String, readOnly: Bool = false
    ) throws(DMError) -> DeviceInfo {
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        do {
            try load(name, table, readOnly: readOnly)
            return try registry.resume(.name(ByteString(name)))
        } catch {
            _ = try registry.remove(.name(ByteString(name)), deferred: false)
            throw error
        }
    }

    @discardableResult
    package func load(
        _ name: String, _ table: String, readOnly: Bool = false
    ) throws(DMError) -> DeviceInfo {
        try registry.load(
            .name(ByteString(name)), lines: MemoryDevices.lines(table), readOnly: readOnly,
            resolver: self)
    }

    package func open(_ name: String) throws(DMError) -> DeviceHandle {
        guard let disk = registry.disk(named: ByteString(name)) else { throw .noSuchDevice }
        return try registry.open(minor: disk.number.minor, generation: disk.generation)
    }

    /// Removes everything, as the daemon does at its end.
    package func shutDown() throws(DMError) {
        try registry.beginShutdown(force: true)
        registry.finishShutdown()
    }

    /// "START LENGTH TYPE PARAMETERS" a line.
    package static func lines(_ text: String) -> [TableLine] {
        text.split(separator: "\n").map { line in
            let words = line.split(separator: " ", maxSplits: 3)
            return TableLine(
                start: UInt64(words[0]) ?? 0, length: UInt64(words[1]) ?? 0,
                targetType: ByteString(String(words[2])),
                parameters: ByteString(words.count > 3 ? String(words[3]) : ""))
        }
    }
}
