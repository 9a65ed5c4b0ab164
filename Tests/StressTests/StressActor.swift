import DMTestSupport
import SystemPackage

@testable import DeviceMapper

/// One thread of the stress: random operations on devices that all threads share, and writes and
/// reads of sectors that are its own.
struct StressActor {
    struct Outcome: Sendable {
        /// What was wrong, and how often.
        var wrong: [String: Int] = [:]
        /// How often each operation succeeded; "interrupted suspend": how often it was EINTR.
        var successes: [String: Int] = [:]
    }

    private let devices: MemoryDevices
    private let interrupts: StressInterrupts
    private var region: StressRegion
    private var generator: SeededGenerator
    private var handles: [DeviceHandle] = []
    private var pending: [(request: PendingRequest, handle: DeviceHandle)] = []
    private var outcome = Outcome()
    private var writes = 0

    private static let names = ["d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"]

    /// What a long run must have seen succeed.
    static let operations = [
        "create", "load linear", "load striped", "load zero", "load error", "load xor",
        "load stack",
        "clear",
        "suspend", "interrupted suspend", "resume", "swap", "rename", "set uuid", "remove",
        "deferred remove", "remove all", "list", "status", "wait", "message", "open", "close",
        "read", "write", "flush", "cancel", "own write", "own read",
    ]

    /// What a call may answer here.
    private static let possible: Set<Errno> = [
        .noSuchAddressOrDevice, .resourceBusy, .invalidArgument, .interrupted, .ioError,
        .operationNotSupportedByDevice, .tooManySymbolicLinkLevels,
    ]

    init(
        _ devices: MemoryDevices, _ region: StressRegion, _ interrupts: StressInterrupts,
        seed: UInt64
    ) {
        self.devices = devices
        self.region = region
        self.interrupts = interrupts
        generator = SeededGenerator(seed: seed)
    }

    private mutating func note(wrong: String?, _ what: String) {
        if let wrong {
            outcome.wrong[wrong, default: 0] += 1
        } else {
            outcome.successes[what, default: 0] += 1
        }
    }

    /// Its errno, if it failed.
    @discardableResult
    private mutating func attempt(_ what: String, _ body: () throws(DMError) -> Void) -> Errno? {
        let error = refusal(body)
        if let error {
            if !StressActor.possible.contains(error.errno) {
                note(wrong: "\(what): \(error)", what)
            }
        } else {
            note(wrong: nil, what)
        }
        return error?.errno
    }

    // MARK: Steps

    mutating func step() {
        switch Int.random(in: 0..<40, using: &generator) {
        case 0..<16: shared()
        case 16..<20: owned()
        case 20..<24: note(wrong: region.write(&generator), "own write")
        case 24..<28: note(wrong: region.read(&generator), "own read")
        case 28..<30:
            if let name = StressActor.names.randomElement(using: &generator) { open(name) }
        case 30..<32: closeOne()
        case 32..<34: finishOne()
        default: submit()
        }
        if handles.count > 2 { closeOne() }
        if pending.count > 20 { finishOne() }
    }

    mutating func finish() -> Outcome {
        while !pending.isEmpty { finishOne() }
        while !handles.isEmpty { closeOne() }
        return outcome
    }

    /// Something to a device that others use, and that may come to lead anywhere.
    private mutating func shared() {
        let registry = devices.registry
        guard let name = StressActor.names.randomElement(using: &generator) else { return }
        let key = ByteString(name)
        let reference = DeviceReference.name(key)
        switch Int.random(in: 0..<18, using: &generator) {
        case 0, 16:
            attempt("create") { () throws(DMError) in
                _ = try registry.create(name: key, uuid: .empty, minor: nil)
            }
        case 1, 17:
            let deferred = generator.once(in: 3)
            attempt(deferred ? "deferred remove" : "remove") { () throws(DMError) in
                _ = try registry.remove(reference, deferred: deferred)
            }
        case 2...4:
            let (kind, table) = anyTable()
            let devices = self.devices
            let readOnly = generator.once(in: 10)
            attempt("load \(kind)") { () throws(DMError) in
                _ = try devices.load(name, table, readOnly: readOnly)
            }
        case 5: attempt("clear") { () throws(DMError) in _ = try registry.clear(reference) }
        case 6: suspend(reference)
        case 7...9: resume(reference)
        case 10: status(reference)
        case 11:
            let other = ByteString(name + "x")
            attempt("rename") { () throws(DMError) in _ = try registry.rename(key, to: other) }
            attempt("rename") { () throws(DMError) in _ = try registry.rename(other, to: key) }
        case 12:
            let uuid = ByteString("uuid-\(Int.random(in: 0..<1000, using: &generator))")
            attempt("set uuid") { () throws(DMError) in _ = try registry.setUUID(key, to: uuid) }
        case 13: wait(reference)
        case 14:
            attempt("message") { () throws(DMError) in
                _ = try registry.message(
                    reference, sector: 0, words: [ByteString("@cancel_deferred_remove")])
            }
        default:
            guard generator.once(in: 20) else { return list(key) }
            _ = registry.removeAll(deferred: generator.once(in: 2))
            note(wrong: nil, "remove all")
        }
    }

    /// Something to a device whose bytes are looked at: it may not lead elsewhere by that.
    private mutating func owned() {
        let registry = devices.registry
        let (reference, name, tables) = StressRegion.anyDevice(&generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0...1:
            guard let table = tables.randomElement(using: &generator) else { return }
            let devices = self.devices
            let error = attempt("load equivalent") { () throws(DMError) in
                _ = try registry.load(
                    reference, lines: MemoryDevices.lines(table), readOnly: false,
                    resolver: devices)
            }
            if error == nil { resume(reference, as: "swap") }
        case 2...3: suspend(reference)
        case 4: resume(reference)
        case 5: status(reference)
        case 6:
            let other = ByteString(name + "x")
            attempt("rename") { () throws(DMError) in
                _ = try registry.rename(ByteString(name), to: other)
                _ = try registry.rename(other, to: ByteString(name))
            }
        default:
            // Marked for its last close, which is the end of the run.
            let error = attempt("remove of an open device") { () throws(DMError) in
                if case .removed = try registry.remove(reference, deferred: true) {
                    throw DMError(.timedOut, "an open device was removed")
                }
            }
            if error == nil { note(wrong: nil, "deferred remove") }
        }
    }

    private mutating func suspend(_ reference: DeviceReference) {
        let registry = devices.registry
        let interrupts = self.interrupts
        let flags: SuspendFlags =
            [[], .noflush, .skipLockFS].randomElement(using: &generator) ?? []
        let comesFirst = generator.once(in: 4)
        let error = attempt("suspend") { () throws(DMError) in
            try interrupts.call { interrupt throws(DMError) in
                if comesFirst { interrupt.raise() }
                _ = try registry.suspend(reference, flags, interrupt)
            }
        }
        if error == .interrupted { note(wrong: nil, "interrupted suspend") }
    }

    private mutating func resume(_ reference: DeviceReference, as what: String = "resume") {
        let registry = devices.registry
        let interrupts = self.interrupts
        attempt(what) { () throws(DMError) in
            try interrupts.call { interrupt throws(DMError) in
                _ = try registry.resume(reference, [], interrupt)
            }
        }
    }

    private mutating func status(_ reference: DeviceReference) {
        let registry = devices.registry
        attempt("status") { () throws(DMError) in
            _ = try registry.tableStatus(reference, .table(paths: true), inactive: false)
            _ = try registry.tableStatus(reference, .info, inactive: true)
            _ = try registry.dependencies(reference, inactive: true)
        }
    }

    private mutating func wait(_ reference: DeviceReference) {
        let registry = devices.registry
        let interrupts = self.interrupts
        let isOver = generator.once(in: 2)
        attempt("wait") { () throws(DMError) in
            let known = try registry.info(reference).eventNumber &+ (isOver ? 1 : 0)
            try interrupts.call { interrupt throws(DMError) in
                _ = try registry.wait(
                    reference, forEventOtherThan: known, .info, inactive: false, interrupt)
            }
        }
    }

    private mutating func list(_ name: ByteString) {
        _ = devices.registry.list()
        _ = devices.registry.disks()
        _ = devices.registry.disk(named: name)
        note(wrong: nil, "list")
    }

    /// Names of devices in words of tables: any, so that circles are tried too.
    private mutating func anyTable() -> (kind: String, table: String) {
        let isStack = generator.once(in: 2)
        let words = isStack ? StressActor.names : ["a", "b", "c"]
        func word() -> String { words[Int.random(in: 0..<words.count, using: &generator)] }
        let (kind, table) =
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: ("linear", "0 16 linear \(word()) 0")
            case 1: ("linear", "0 8 linear \(word()) 0\n8 8 linear \(word()) 8")
            case 2: ("striped", "0 32 striped 2 2 \(word()) 0 \(word()) 0")
            case 3: ("striped", "0 24 striped 3 1 \(word()) 8 \(word()) 0 \(word()) 4")
            case 4: ("zero", "0 8 zero\n8 16 linear \(word()) 0")
            // Key 0: a read through another table must still find whole stamps.
            case 5: ("xor", "0 16 xor \(word()) 0 0 512")
            default: ("error", "0 4 error\n4 16 linear \(word()) 0")
            }
        return (isStack ? "stack" : kind, table)
    }

    // MARK: I/O

    private mutating func open(_ name: String) {
        let devices = self.devices
        var handle: DeviceHandle?
        attempt("open") { () throws(DMError) in handle = try devices.open(name) }
        if let handle { handles.append(handle) }
    }

    /// At multiples of eight, so that what is read consists of whole stamps.
    private mutating func submit() {
        guard let handle = handles.randomElement(using: &generator) else { return }
        let size = StressStamp.size
        let offset = UInt64(Int.random(in: 0..<32 * 512 / size, using: &generator) * size)
        let length = Int.random(in: 1...750, using: &generator) * size
        let request: PendingRequest
        switch Int.random(in: 0..<5, using: &generator) {
        case 0, 1: request = handle.beginRead(offset, length)
        case 2, 3:
            writes += 1
            let stamp = StressStamp.make(writer: 0x80 | region.index, number: writes)
            request = handle.beginWrite(
                offset, StressStamp.bytes(stamp, count: length),
                forceUnitAccess: generator.once(in: 2))
        default: request = handle.beginFlush()
        }
        pending.append((request, handle))
    }

    private mutating func finishOne() {
        guard !pending.isEmpty else { return }
        let index = Int.random(in: 0..<pending.count, using: &generator)
        let (request, handle) = pending.remove(at: index)
        if generator.once(in: 3), handle.cancel(request.request) { note(wrong: nil, "cancel") }
        finish(request)
    }

    private mutating func finish(_ request: PendingRequest) {
        guard let (bytes, error) = request.wait() else {
            return note(wrong: "a request did not end", "")
        }
        let what = "\(request.request.operation)"
        if let error {
            if !StressActor.possible.contains(error) {
                note(wrong: "\(what): \(error)", what)
            }
        } else if request.request.operation == .read {
            let foreign = StressStamp.foreignWords(bytes).first
            note(wrong: foreign.map { "read what nobody wrote: \($0)" }, what)
        } else {
            note(wrong: nil, what)
        }
    }

    /// As the kernel: after the last of its requests.
    private mutating func closeOne() {
        guard !handles.isEmpty else { return }
        let index = Int.random(in: 0..<handles.count, using: &generator)
        let handle = handles.remove(at: index)
        let own = pending.filter { $0.handle === handle }
        pending.removeAll { $0.handle === handle }
        for (request, _) in own { finish(request) }
        if generator.once(in: 2) { handle.noteFlush() }
        handle.close()
        note(wrong: nil, "close")
    }
}
