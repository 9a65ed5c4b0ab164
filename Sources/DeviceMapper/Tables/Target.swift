import SystemPackage

/// What a target makes of a request, or of a part that lies within the target and its boundary.
enum Mapping {
    /// It goes on to a lower device, at this byte of it. `tag` nil: the target does not want to
    /// hear of the end; else `endIO` gets it.
    case remapped(Unmanaged<LowerDevice>, offset: UInt64, tag: Int?)
    /// A read of zeros; a change that goes nowhere.
    case zeroes
    case failed(Errno)
    /// The target keeps it for a time (`hold`).
    case held(tag: Int)
}

/// What `status` is asked for (`STATUSTYPE_INFO`, `STATUSTYPE_TABLE`, `STATUSTYPE_IMA`).
package enum StatusKind: Hashable, Sendable {
    case info
    /// The parameters that make this target again; devices as numbers, or as paths where they have
    /// one.
    case table(paths: Bool)
    /// What integrity measurement wants to know: `measurement` of named values, or nothing.
    case measurement
}

/// One line of a table: so many bytes of a mapped device, and what to do with a request there.
///
/// The contract for a new target is this class; `docs/targets` says how to add one. A target sees
/// its lower devices, never the mapped device that it is part of. `map` and `endIO` run on any
/// number of threads at once, take no lock that is held over I/O, and allocate nothing.
class Target: @unchecked Sendable {
    // @unchecked: immutable once constructed, but for what a subclass says it guards itself.

    /// The name in table lines, and its version.
    let type: TargetType
    /// First byte of the mapped device that belongs to this.
    let begin: UInt64
    /// Byte after the last.
    let end: UInt64

    init(_ context: TargetContext) {
        type = context.type
        begin = context.begin.bytes
        end = context.begin.bytes + context.length.bytes
    }

    /// How many bytes from byte `offset` of the mapped device on one lower request may take.
    /// At least 1, at most up to `end`; `offset` lies within the target.
    func run(from offset: UInt64) -> UInt64 { end - offset }

    /// Where the request, which begins at byte `offset` of the mapped device and crosses no
    /// boundary of this target, goes.
    func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        preconditionFailure("\(type.name) has no map")
    }

    /// How many parts a discard or write-zeroes within this target is cut into at most (the
    /// kernel's `num_discard_bios`).
    var rangeParts: Int { 1 }

    /// Where a part of such a range goes, which is from byte `offset` of the mapped device up to
    /// `end`, within this target, and how many bytes it has there; none: that part is empty. By
    /// default all of it is one part, that goes where `map` says.
    func mapRange(
        _ operation: IOOperation, from offset: UInt64, to end: UInt64, part: Int
    ) -> (mapping: Mapping, length: UInt64) {
        (map(operation, at: offset), end - offset)
    }

    /// Bytes after which reads and writes come back to the same lower device, and go on there where
    /// they left it: what a longer request has of each of these devices is then one part, in
    /// `stretches`, as `mapRange` says. Nil: they don't, or the bytes must stay together.
    var round: UInt64? { nil }

    /// Where in a request from byte `offset` of the mapped device on the bytes of such a part are:
    /// its first, and how the others follow.
    func stretches(from offset: UInt64, part: Int) -> (start: Int, Stretches) {
        preconditionFailure("\(type.name) has no rounds")
    }

    /// The lower device that flushes go to by way of `map`; nil: they pass this target by.
    var flushedDevice: LowerDevice? { nil }

    // MARK: Holding

    /// Takes a request that `map` said it keeps.
    func hold(_ request: IORequest, tag: Int) {
        preconditionFailure("\(type.name) holds nothing")
    }

    /// Whether it holds requests now: not once `willSuspend` was called.
    var holds: Bool { false }

    /// Sends a held request on. The timer calls this, and `noteHold`.
    func letGo(_ request: IORequest, tag: Int) {
        preconditionFailure("\(type.name) holds nothing")
    }

    /// So many requests more are held, or less. Under a leaf lock.
    func noteHold(tag: Int, _ change: Int) {}

    /// Whether `willSuspend` and `didResume` mean something to it.
    var noticesSuspend: Bool { false }

    /// The device is about to be suspended, or removed: what is held here must go on, since the
    /// suspend waits for it.
    func willSuspend() {}

    /// The device goes on.
    func didResume() {}

    /// The end of a request that `map` sent on with a tag. Returns the error to report.
    func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Errno? { error }

    /// The parameters of the line, or its state. Without the start, the length and the type.
    func status(_ kind: StatusKind) -> ByteString { "" }

    /// The text of `StatusKind.measurement`: the target's type, then what it says of itself.
    func measurement(_ values: [String]) -> ByteString {
        let (major, minor, patch) = type.version
        let version = "target_version=\(major).\(minor).\(patch)"
        let all = ["target_name=\(type.name)", version] + values
        return ByteString(all.joined(separator: ",") + ";")
    }

    /// Each stretch of a lower device that it uses, in sectors: what it is checked against, and whose
    /// limits its own are made of (`iterate_devices`). A device may come several times.
    func lowerAreas() -> [LowerArea] { [] }

    // MARK: Limits

    /// Changes what its lower devices' limits came to, where the target knows better (`io_hints`).
    func addHints(to limits: inout QueueLimits) {}

    /// Whether discards are sent on (`num_discard_bios`). The table takes them where each target
    /// does, and each device below each target; so one without a lower device forbids them.
    var forwardsDiscards: Bool { true }

    /// The same for writes of zeros that bring none along (`num_write_zeroes_bios`). Where they are
    /// not taken zeros are written.
    var forwardsWriteZeroes: Bool { true }
}

/// So many sectors of a lower device.
struct LowerArea {
    let device: LowerDevice
    let start: UInt64
    let length: UInt64

    /// Whether sectors so far out exist on any device; else I/O there is EIO.
    static func isReachable(start: UInt64, length: UInt64) -> Bool {
        let (end, overflow) = start.addingReportingOverflow(length)
        return !overflow && end <= Sectors.maximum.count
    }
}
