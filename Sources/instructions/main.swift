import DeviceMapper
import Glibc
import SystemPackage

// Sends requests of 4 KiB through a table to backing stores that do nothing: what is left is the way
// that a request takes through the core. scripts/instructions counts it under valgrind.
//
//   instructions linear|targets|stack|striped|late READS

/// A backing store that has every byte and does no work.
final class IdleStore: SynchronousStore {
    let limits = QueueLimits.ofLoop(discardGranularity: 4096)
    let size: UInt64 = 1 << 40
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno? { nil }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Errno? { nil }
    func discard(from offset: UInt64, count: UInt64) -> Errno? { nil }
    func writeZeroes(from offset: UInt64, count: UInt64) -> Errno? { nil }
    func flush() -> Errno? { nil }
    func close() {}
}

/// The same, as one that answers later: at once.
final class IdleLateStore: AsynchronousStore {
    let limits = QueueLimits.ofLoop(discardGranularity: 4096)
    let size: UInt64 = 1 << 40
    func begin(_ transfer: StoreTransfer) { transfer.end(nil) }
    func close() {}
}

/// The words "late" and any other.
struct IdleDevices: DeviceResolver {
    let registry: DeviceRegistry
    let backing: BackingDevice
    let late: BackingDevice

    init() {
        registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 254, backingMajor: 251))
        backing = BackingDevice(
            number: DeviceNumber(major: 251, minor: 0), name: "idle", path: nil,
            store: .synchronous(IdleStore()), workers: registry.workers, onRelease: {})
        late = BackingDevice(
            number: DeviceNumber(major: 251, minor: 1), name: "late", path: nil,
            store: .asynchronous(IdleLateStore()), workers: registry.workers, onRelease: {})
    }

    func resolve(_ word: ByteString, writable: Bool) throws(DMError) -> ResolvedDevice {
        if let disk = registry.disk(named: word) { return .mapped(minor: disk.number.minor) }
        return .backing(word == ByteString("late") ? late : backing)
    }

    func create(_ name: String, _ lines: [(UInt64, UInt64, String, String)]) throws {
        let reference = DeviceReference.name(ByteString(name))
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        _ = try registry.load(
            reference,
            lines: lines.map {
                TableLine(
                    start: $0.0, length: $0.1, targetType: ByteString($0.2),
                    parameters: ByteString($0.3))
            }, readOnly: false, resolver: self)
        _ = try registry.resume(reference)
    }

    /// The name of the uppermost device.
    func build(_ shape: String) throws -> String {
        switch shape {
        case "targets":
            try create("top", (0..<1000).map { ($0 * 64, 64, "linear", "idle \($0 * 128)") })
        case "stack":
            try create("low", [(0, 64_000, "linear", "idle 8")])
            try create("middle", [(0, 63_992, "linear", "low 8")])
            try create("top", [(0, 63_984, "linear", "middle 8")])
        case "striped":
            try create(
                "top", [(0, 64_000, "striped", "4 8 idle 0 idle 64000 idle 128000 idle 192000")])
        case "late":
            try create("top", [(0, 64_000, "linear", "late 8")])
        default:
            try create("top", [(0, 64_000, "linear", "idle 8")])
        }
        return "top"
    }
}

func run(_ shape: String, reads: Int) throws {
    let devices = IdleDevices()
    let name = ByteString(try devices.build(shape))
    guard let disk = devices.registry.disk(named: name) else { throw DMError.noSuchDevice }
    let handle = try devices.registry.open(
        minor: disk.number.minor, generation: disk.generation)
    let request = IORequest { _ in }
    var offset: UInt64 = 0
    for _ in 0..<reads {
        request.prepareRead(offset: offset, length: 4096)
        handle.submit(request)
        precondition(request.error == nil, "a read failed")
        offset = (offset + 17 * 4096) % (7000 * 4096)
    }
    handle.close()
    try devices.registry.beginShutdown(force: true)
    devices.registry.finishShutdown()
}

let words = CommandLine.arguments
guard words.count == 3, let reads = Int(words[2]) else {
    print("instructions linear|targets|stack|striped|late READS")
    exit(2)
}
try run(words[1], reads: reads)
