import DMTestSupport
import Glibc
import SystemPackage

@testable import DeviceMapper

/// What writers write: eight bytes that tell who wrote them, and when, over and over.
enum StressStamp {
    static let size = 8
    private static let mark: UInt64 = 0x5eed << 48

    static func make(writer: Int, number: Int) -> UInt64 {
        mark | UInt64(writer) << 40 | UInt64(number)
    }

    // Copied and compared whole: a debug build goes through bytes at a snail's pace.

    static func bytes(_ stamp: UInt64, count: Int) -> [UInt8] {
        let words = [UInt64](repeating: stamp, count: count / size)
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
            words.withUnsafeBytes { UnsafeMutableRawBufferPointer(bytes).copyMemory(from: $0) }
            initialized = count
        }
    }

    /// The stamp that fills a sector; nil: not one alone.
    static func ofSector(_ sector: Int, in bytes: [UInt8]) -> UInt64? {
        bytes.withUnsafeBytes { bytes in
            let found = UnsafeRawBufferPointer(rebasing: bytes[sector * 512..<(sector + 1) * 512])
            // All words are like the one before.
            guard let start = found.baseAddress, memcmp(start, start + size, 512 - size) == 0
            else { return nil }
            return found.loadUnaligned(as: UInt64.self)
        }
    }

    /// Words of what was read at a multiple of eight that nobody wrote: neither zero nor a stamp.
    static func foreignWords(_ bytes: [UInt8]) -> [UInt64] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - size + 1, by: size).compactMap {
                let word = bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)
                return word == 0 || word >> 48 == mark >> 48 ? nil : word
            }
        }
    }
}

/// Sectors of one store that one thread alone writes, through a device of its own that others
/// suspend, resume, rename and give other tables, all of which lead to these sectors. So the thread
/// knows what it must read.
struct StressRegion {
    static let store = "own"
    static let sectors = 32
    static let allSectors = 8 * sectors
    private static let firstMinor: UInt32 = 100
    private static let baseMinor: UInt32 = 200

    let index: Int
    let handle: DeviceHandle
    /// The end of all devices may come, and fails what it finds.
    private let mayFail: Bool
    /// What a sector may hold: two things and more after a write that was given up.
    private var possible = [Set<UInt64>](repeating: [0], count: sectors)
    private var writes = 0

    init(_ devices: MemoryDevices, _ index: Int, mayFail: Bool) throws {
        self.index = index
        self.mayFail = mayFail
        let minor = StressRegion.firstMinor + UInt32(index)
        _ = try devices.registry.create(
            name: ByteString("own\(index)"), uuid: .empty, minor: minor)
        let reference = StressRegion.reference(index)
        _ = try devices.registry.load(
            reference, lines: MemoryDevices.lines(StressRegion.tables(index)[0]), readOnly: false,
            resolver: devices)
        let info = try devices.registry.resume(reference)
        handle = try devices.registry.open(minor: minor, generation: info.generation)
    }

    /// A lower device that some of the tables go through; open to the end, so that it stays.
    static func createBase(_ devices: MemoryDevices) throws -> DeviceHandle {
        let reference = DeviceReference.number(DeviceNumber(major: 254, minor: baseMinor))
        _ = try devices.registry.create(
            name: ByteString("base"), uuid: .empty, minor: baseMinor)
        _ = try devices.registry.load(
            reference, lines: MemoryDevices.lines(baseTables[0]), readOnly: false,
            resolver: devices)
        let info = try devices.registry.resume(reference)
        return try devices.registry.open(minor: baseMinor, generation: info.generation)
    }

    /// A device that must go on leading where it does, and the tables that do.
    static func anyDevice(
        _ generator: inout SeededGenerator
    ) -> (reference: DeviceReference, name: String, tables: [String]) {
        let index = Int.random(in: 0...8, using: &generator)
        guard index < 8 else {
            return (.number(DeviceNumber(major: 254, minor: baseMinor)), "base", baseTables)
        }
        return (reference(index), "own\(index)", tables(index))
    }

    private static func reference(_ index: Int) -> DeviceReference {
        .number(DeviceNumber(major: 254, minor: firstMinor + UInt32(index)))
    }

    private static let baseTables = [
        "0 \(allSectors) linear \(store) 0",
        "0 40 linear \(store) 0\n40 \(allSectors - 40) striped 1 8 \(store) 40",
    ]

    private static func tables(_ index: Int) -> [String] {
        let start = index * sectors
        return [
            "0 32 linear \(store) \(start)",
            "0 12 linear \(store) \(start)\n12 20 linear \(store) \(start + 12)",
            "0 32 linear 254:\(baseMinor) \(start)",
            "0 32 striped 1 4 \(store) \(start)",
            "0 8 linear 254:\(baseMinor) \(start)\n8 24 linear \(store) \(start + 8)",
        ]
    }

    // MARK: Its one writer

    private func anyRange(_ generator: inout SeededGenerator) -> Range<Int> {
        let first = Int.random(in: 0..<StressRegion.sectors, using: &generator)
        return first..<Int.random(in: first + 1...StressRegion.sectors, using: &generator)
    }

    /// Nil, or what is wrong.
    mutating func write(_ generator: inout SeededGenerator) -> String? {
        let range = anyRange(&generator)
        writes += 1
        let stamp = StressStamp.make(writer: index, number: writes)
        let request = handle.beginWrite(
            UInt64(range.lowerBound) * 512, StressStamp.bytes(stamp, count: range.count * 512),
            forceUnitAccess: generator.once(in: 8))
        let isCancelled = generator.once(in: 4) && handle.cancel(request.request)
        guard let (_, error) = request.wait() else {
            return "an owner's write did not end"
        }
        for sector in range {
            if error == nil { possible[sector] = [] }
            possible[sector].insert(stamp)
        }
        return refusal(error, isCancelled, "write")
    }

    mutating func read(_ generator: inout SeededGenerator) -> String? {
        let range = anyRange(&generator)
        let request = handle.beginRead(UInt64(range.lowerBound) * 512, range.count * 512)
        let isCancelled = generator.once(in: 8) && handle.cancel(request.request)
        guard let (bytes, error) = request.wait() else {
            return "an owner's read did not end"
        }
        guard error == nil else { return refusal(error, isCancelled, "read") }
        guard bytes.count == range.count * 512 else { return "an owner's read was short" }
        return check(bytes, from: range.lowerBound)
    }

    /// Compares what is in the sectors from the first of `bytes` on; what is seen is so from then
    /// on.
    mutating func check(_ bytes: [UInt8], from first: Int) -> String? {
        for sector in 0..<bytes.count / 512 {
            guard let stamp = StressStamp.ofSector(sector, in: bytes) else {
                return "sector \(first + sector) is torn"
            }
            guard possible[first + sector].contains(stamp) else {
                return "sector \(first + sector) holds \(stamp), not \(possible[first + sector])"
            }
            possible[first + sector] = [stamp]
        }
        return nil
    }

    private func refusal(_ error: Errno?, _ isCancelled: Bool, _ what: String) -> String? {
        switch error {
        case nil: nil
        case .interrupted where isCancelled: nil
        case .ioError where mayFail: nil
        case .some(let error): "an owner's \(what): \(error)"
        }
    }
}

/// What the threads wait in, for somebody to interrupt.
final class StressInterrupts: @unchecked Sendable {
    // @unchecked: guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "StressInterrupts.lock")
    private var waiting: [ObjectIdentifier: Interrupt] = [:]

    func call(_ body: (Interrupt) throws(DMError) -> Void) throws(DMError) {
        let interrupt = Interrupt()
        lock.withLock { waiting[ObjectIdentifier(interrupt)] = interrupt }
        defer { lock.withLock { waiting[ObjectIdentifier(interrupt)] = nil } }
        try body(interrupt)
    }

    func raiseAll() {
        for interrupt in lock.withLock({ Array(waiting.values) }) { interrupt.raise() }
    }
}
