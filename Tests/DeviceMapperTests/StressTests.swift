import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// Everything at once from real threads, for ThreadSanitizer too
/// (`swift test --sanitize=thread --filter Stress`). What each call answers is left open, but for
/// errnos that it can't have; that nothing is left at the end is not.
@Suite struct StressTests {
    private static let names = ["d0", "d1", "d2", "d3", "d4"]
    /// Some end under another name, so that there may be twice as many devices as names.
    private static let minors: Range<UInt32> = 0..<12
    private static let stores = ["a", "b", "c"]

    @Test("random operations of eight threads leave nothing behind", arguments: 0..<3)
    func everythingAtOnce(seed: Int) throws {
        let devices = MemoryDevices(inlineLimit: 2)
        for store in StressTests.stores { devices.addStore(store, sectors: 64) }
        let deadline = Deadline(millisecondsFromNow: 1500)
        let threads = (0..<8).map { index in
            Background { () throws(DMError) -> [String: Int] in
                var actor = StressActor(
                    devices, seed: UInt64(seed * 100 + index), names: StressTests.names)
                while !deadline.hasPassed { actor.step() }
                actor.finish()
                return actor.unexpected
            }
        }
        // Whatever one thread suspends, another resumes, to the end: so nothing hangs.
        let resumers = StressTests.minors.map { minor in
            Background {
                while !threads.allSatisfy({ $0.isDone }) { StressTests.resume(minor, devices) }
            }
        }
        for resumer in resumers { try resumer.get(milliseconds: 60_000) }
        for thread in threads {
            let unexpected = try thread.get(milliseconds: 20_000)
            #expect(unexpected.isEmpty, "seed \(seed)")
        }
        try devices.shutDown()
        #expect(devices.registry.list().isEmpty)
        #expect(devices.registry.reading { $0.disks.isEmpty && $0.edges.isEmpty })
        for store in StressTests.stores { #expect(devices.users(of: store) == 0, "seed \(seed)") }
    }

    /// A thread for each device: a resume that swaps tables may wait for a lower device's. Without a
    /// table a device stays suspended, and would hold its requests for ever.
    private static func resume(_ minor: UInt32, _ devices: MemoryDevices) {
        let device = DeviceReference.number(DeviceNumber(major: 254, minor: minor))
        let error = refusal { () throws(DMError) in try devices.registry.resume(device) }
        if error?.errno == .invalidArgument {
            _ = try? devices.registry.load(
                device, lines: MemoryDevices.lines("0 8 zero"), readOnly: false, resolver: devices)
        }
    }

    @Test("a forced end amid everything leaves nothing behind", arguments: 0..<3)
    func endAmidEverything(seed: Int) throws {
        let devices = MemoryDevices(inlineLimit: 2)
        for store in StressTests.stores { devices.addStore(store, sectors: 64) }
        let deadline = Deadline(millisecondsFromNow: 600)
        let threads = (0..<6).map { index in
            Background { () throws(DMError) -> [String: Int] in
                var actor = StressActor(
                    devices, seed: UInt64(seed * 100 + index), names: StressTests.names)
                while !deadline.hasPassed { actor.step() }
                actor.finish()
                return actor.unexpected
            }
        }
        let middle = Deadline(millisecondsFromNow: 300)
        let resumers = StressTests.minors.map { minor in
            Background { while !middle.hasPassed { StressTests.resume(minor, devices) } }
        }
        for resumer in resumers { try resumer.get(milliseconds: 60_000) }
        try devices.shutDown()
        #expect(devices.registry.list().isEmpty)
        for thread in threads {
            let unexpected = try thread.get(milliseconds: 20_000)
            #expect(unexpected.isEmpty, "seed \(seed)")
        }
        #expect(devices.registry.reading { $0.disks.isEmpty && $0.edges.isEmpty })
        for store in StressTests.stores { #expect(devices.users(of: store) == 0, "seed \(seed)") }
    }
}

/// One thread of the stress.
private struct StressActor {
    private let devices: MemoryDevices
    private let names: [String]
    private var generator: SeededGenerator
    private var handles: [DeviceHandle] = []
    private var pending: [(PendingRequest, DeviceHandle)] = []
    private(set) var unexpected: [String: Int] = [:]

    /// What a call may answer here.
    private static let possible: Set<Errno> = [
        .noSuchAddressOrDevice, .resourceBusy, .invalidArgument, .interrupted, .ioError,
        .operationNotSupportedByDevice, .tooManySymbolicLinkLevels,
    ]

    init(_ devices: MemoryDevices, seed: UInt64, names: [String]) {
        self.devices = devices
        self.names = names
        generator = SeededGenerator(seed: seed)
    }

    private mutating func attempt(_ what: String, _ body: () throws(DMError) -> Void) {
        guard let error = refusal(body), !StressActor.possible.contains(error.errno) else { return }
        unexpected["\(what): \(error)", default: 0] += 1
    }

    mutating func step() {
        let registry = devices.registry
        let name = names[Int.random(in: 0..<names.count, using: &generator)]
        let reference = DeviceReference.name(ByteString(name))
        switch Int.random(in: 0..<26, using: &generator) {
        case 0:
            attempt("create") { () throws(DMError) in
                _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
            }
        case 1:
            let deferred = generator.once(in: 3)
            attempt("remove") { () throws(DMError) in
                _ = try registry.remove(reference, deferred: deferred)
            }
        case 2...4:
            let table = randomTable(name)
            let devices = self.devices
            let readOnly = generator.once(in: 10)
            attempt("load") { () throws(DMError) in
                _ = try devices.load(name, table, readOnly: readOnly)
            }
        case 5: attempt("clear") { () throws(DMError) in _ = try registry.clear(reference) }
        case 6:
            let interrupt = Interrupt()
            if generator.once(in: 2) { interrupt.raise() }
            let flags: SuspendFlags = generator.once(in: 2) ? .noflush : []
            attempt("suspend") { () throws(DMError) in
                _ = try registry.suspend(reference, flags, interrupt)
            }
        case 7...10:
            attempt("resume") { () throws(DMError) in _ = try registry.resume(reference) }
        case 11:
            attempt("status") { () throws(DMError) in
                _ = try registry.tableStatus(reference, .table(paths: true), inactive: false)
                _ = try registry.tableStatus(reference, .info, inactive: true)
                _ = try registry.dependencies(reference, inactive: true)
            }
        case 12:
            _ = registry.list()
            _ = registry.disks()
            _ = registry.disk(named: ByteString(name))
        case 13:
            attempt("rename") { () throws(DMError) in
                _ = try registry.rename(ByteString(name), to: ByteString(name + "x"))
            }
            attempt("rename") { () throws(DMError) in
                _ = try registry.rename(ByteString(name + "x"), to: ByteString(name))
            }
        case 14:
            attempt("cancel") { () throws(DMError) in
                _ = try registry.message(
                    reference, sector: 0, words: [ByteString("@cancel_deferred_remove")])
            }
        case 15...16: if let handle = try? devices.open(name) { handles.append(handle) }
        case 17: closeOne()
        case 18: finishOne()
        case 19: if generator.once(in: 50) { _ = registry.removeAll(deferred: false) }
        default: submit()
        }
        if handles.count > 6 { closeOne() }
        if pending.count > 20 { finishOne() }
    }

    mutating func finish() {
        while !pending.isEmpty { finishOne() }
        while !handles.isEmpty { closeOne() }
    }

    /// Names of devices in words of tables: any, so that circles are tried too.
    private mutating func randomTable(_ name: String) -> String {
        var words = ["a", "b", "c"]
        if generator.once(in: 2) { words += names }
        func word() -> String { words[Int.random(in: 0..<words.count, using: &generator)] }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return "0 16 linear \(word()) 0"
        case 1: return "0 8 linear \(word()) 0\n8 8 linear \(word()) 8"
        case 2: return "0 32 striped 2 2 \(word()) 0 \(word()) 0"
        case 3: return "0 24 striped 3 1 \(word()) 8 \(word()) 0 \(word()) 4"
        case 4: return "0 8 zero\n8 16 linear \(word()) 0"
        default: return "0 4 error\n4 16 linear \(word()) 0"
        }
    }

    private mutating func submit() {
        guard let handle = handles.randomElement(using: &generator) else { return }
        let offset = UInt64.random(in: 0..<32 * 512, using: &generator)
        let length = Int.random(in: 1...6000, using: &generator)
        let request =
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1: handle.beginRead(offset, length)
            case 2: handle.beginWrite(offset, [UInt8](repeating: 1, count: length))
            case 3:
                handle.beginWrite(
                    offset, [UInt8](repeating: 2, count: length), forceUnitAccess: true)
            default: handle.beginFlush()
            }
        pending.append((request, handle))
    }

    private mutating func finishOne() {
        guard !pending.isEmpty else { return }
        let index = Int.random(in: 0..<pending.count, using: &generator)
        let (request, handle) = pending.remove(at: index)
        if generator.once(in: 3) { _ = handle.cancel(request.request) }
        guard let (_, error) = request.wait() else {
            unexpected["a request did not end", default: 0] += 1
            return
        }
        if let error, !StressActor.possible.contains(error) {
            unexpected["request: \(error)", default: 0] += 1
        }
    }

    /// As the kernel: after the last of its requests.
    private mutating func closeOne() {
        guard !handles.isEmpty else { return }
        let index = Int.random(in: 0..<handles.count, using: &generator)
        let handle = handles.remove(at: index)
        let own = pending.filter { $0.1 === handle }
        pending.removeAll { $0.1 === handle }
        for (request, _) in own {
            if request.wait() == nil { unexpected["a request did not end", default: 0] += 1 }
        }
        if generator.once(in: 2) { handle.noteFlush() }
        handle.close()
    }
}
