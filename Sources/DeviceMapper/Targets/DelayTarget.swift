import Synchronization
import SystemPackage

/// `delay DEVICE OFFSET MS [DEVICE OFFSET MS [DEVICE OFFSET MS]]`: requests go to sector OFFSET of
/// DEVICE after MS milliseconds; the second group is for writes, the third for flushes, and each
/// group that isn't there is like the one before it. Behaviour: drivers/md/dm-delay.c.
///
/// Held requests wait in the registry's `HoldTimer`. A suspend lets them go at once.
final class DelayTarget: HoldingTarget, @unchecked Sendable {
    static let type = TargetType(name: "delay", version: (1, 3, 0)) { context throws(DMError) in
        try DelayTarget(parsing: context)
    }

    /// What becomes of reads, of writes or of flushes.
    private struct Class {
        let device: LowerDevice
        /// In sectors.
        let start: UInt64
        let milliseconds: UInt32
        /// See `LinearTarget`.
        let shift: UInt64
        let isReachable: Bool
    }

    private let read: Class
    private let write: Class
    private let flush: Class
    private let groupCount: Int
    private let timer: HoldTimer
    /// Not while suspended.
    private let mayDelay = Atomic<Bool>(true)
    private let heldReads = Atomic<Int>(0)
    private let heldWrites = Atomic<Int>(0)
    private let heldFlushes = Atomic<Int>(0)

    private init(parsing context: TargetContext) throws(DMError) {
        let words = context.arguments
        guard [3, 6, 9].contains(words.count) else {
            throw DMError(.invalidArgument, "Requires exactly 3, 6 or 9 arguments")
        }
        groupCount = words.count / 3
        read = try DelayTarget.parse(words[0..<3], context)
        write = groupCount > 1 ? try DelayTarget.parse(words[3..<6], context) : read
        flush = groupCount > 2 ? try DelayTarget.parse(words[6..<9], context) : write
        timer = context.timer
        do {
            try timer.start()
        } catch {
            throw DMError(error.errno, "Couldn't start kdelayd")
        }
        super.init(context)
    }

    private static func parse(
        _ words: ArraySlice<ByteString>, _ context: TargetContext
    ) throws(DMError) -> Class {
        let first = words.startIndex
        guard let start = TargetNumber.sector(words[first + 1]) else {
            throw DMError(.invalidArgument, "Invalid device sector")
        }
        // Too large a number wraps, as `sscanf("%u")` does it.
        guard let delay = TargetNumber.sector(words[first + 2]) else {
            throw DMError(.invalidArgument, "Invalid delay")
        }
        return Class(
            device: try context.lowerDevice(words[first], reason: "Device lookup failed"),
            start: start, milliseconds: UInt32(truncatingIfNeeded: delay),
            shift: start &* Sectors.size &- context.begin.bytes,
            isReachable: LowerArea.isReachable(start: start, length: context.length.count))
    }

    // MARK: Requests

    override var flushedDevice: LowerDevice? { flush.device }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        let kind = kind(operation)
        guard kind.isReachable else { return .failed(.ioError) }
        if kind.milliseconds > 0, holds { return .taken }
        return .remapped(
            Unmanaged.passUnretained(kind.device), offset: offset &+ kind.shift, .none)
    }

    override func take(_ request: IORequest) {
        let kind = kind(request.operation)
        request.offset &+= kind.shift
        timer.hold(request, for: self, milliseconds: kind.milliseconds)
    }

    override func letGo(_ request: IORequest) {
        kind(request.operation).device.submit(request)
    }

    override func noteHold(_ operation: IOOperation, _ change: Int) {
        switch operation {
        case .read: heldReads.add(change, ordering: .relaxed)
        case .write, .discard, .writeZeroes: heldWrites.add(change, ordering: .relaxed)
        case .flush: heldFlushes.add(change, ordering: .relaxed)
        }
    }

    private func kind(_ operation: IOOperation) -> Class {
        switch operation {
        case .read: read
        case .write, .discard, .writeZeroes: write
        case .flush: flush
        }
    }

    // MARK: Suspend

    override var holds: Bool { mayDelay.load(ordering: .sequentiallyConsistent) }

    override var hasLife: Bool { true }

    override func willSuspend(_ flags: SuspendFlags) {
        mayDelay.store(false, ordering: .sequentiallyConsistent)
        timer.letGoAll(of: self)
    }

    override func didResume() { mayDelay.store(true, ordering: .sequentiallyConsistent) }

    // MARK: Status

    override func status(_ kind: StatusKind) -> ByteString {
        switch kind {
        case .info:
            let counts = [
                heldReads.load(ordering: .relaxed), heldWrites.load(ordering: .relaxed),
                heldFlushes.load(ordering: .relaxed),
            ]
            return ByteString(counts.map { "\($0)" }.joined(separator: " "))
        case .table(let paths):
            let groups: [ByteString] = [read, write, flush].prefix(groupCount).map {
                "\($0.device.word(paths: paths)) \($0.start) \($0.milliseconds)"
            }
            return groups.joined(separator: " ")
        case .measurement:
            return ""
        }
    }

    override var forwardsWriteZeroes: Bool { false }

    override func lowerAreas() -> [LowerArea] {
        [read, write, flush].map {
            LowerArea(device: $0.device, start: $0.start, length: (end - begin) / Sectors.size)
        }
    }
}
