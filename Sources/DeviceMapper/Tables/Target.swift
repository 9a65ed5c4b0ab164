import SystemPackage

/// What a target makes of a request, or of a part that lies within the target and its boundary.
enum Mapping {
    /// It goes on to a lower device, at this byte of it.
    case remapped(Unmanaged<LowerDevice>, offset: UInt64, Hearing)
    /// A read of zeros; a change that goes nowhere.
    case zeroes
    case failed(Errno)
    /// The target has it from here on (`take`), and sends it on or finishes it.
    case taken
}

/// Whether a target hears of the end of a request that it sends on.
enum Hearing {
    case none
    /// `endIO` gets this tag.
    case end(tag: Int)
    /// The same, and the bytes of a read are in memory then: they are never lent.
    case endWithBytes(tag: Int)
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
/// The contract for a new target is this class; `docs/targets/README.md` is its manual. A target sees its
/// lower devices, never the mapped device that it is part of. `map`, `take`, `compute` and `endIO` run on any
/// number of threads at once, and must not wait. `map` and `endIO` allocate nothing.
class Target: EndWatcher, @unchecked Sendable {
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
        super.init()
    }

    /// Bytes from byte `offset` of the mapped device on that one lower request may have: at least 1, up to `end`.
    /// `offset` lies within the target.
    func run(from offset: UInt64) -> UInt64 { end - offset }

    /// Where the request, which begins at byte `offset` of the mapped device and crosses no
    /// boundary of this target, goes.
    func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        preconditionFailure("\(type.name) has no map")
    }

    // MARK: One part for each lower device

    /// How many parts a request is cut into at most when each lower device gets its share as one (the
    /// kernel's `num_discard_bios`). Discards and write-zeroes are always cut so, reads and writes where there
    /// is a `round`.
    var partsByDevice: Int { 1 }

    /// Where a part goes of what is asked from byte `offset` of the mapped device up to `end`, within this
    /// target, and how many bytes it has there. 0: that part is empty. By default there is one part, which goes
    /// where `map` says.
    func mapPart(
        _ operation: IOOperation, from offset: UInt64, to end: UInt64, part: Int
    ) -> (mapping: Mapping, length: UInt64) {
        (map(operation, at: offset), end - offset)
    }

    /// Bytes after which the target comes back to the same lower device, and goes on there where it left it.
    /// A longer read or write is cut by `mapPart`, its bytes lying in `stretches`. Nil: always cut by `run`.
    var round: UInt64? { nil }

    /// Where the bytes of such a part lie in a request from byte `offset` of the mapped device on: the first,
    /// and how the others follow.
    func stretches(from offset: UInt64, part: Int) -> (start: Int, Stretches) {
        preconditionFailure("\(type.name) has no rounds")
    }

    // MARK: Flushes

    /// The lower device that flushes go to by way of `map`; nil: they pass this target by.
    var flushedDevice: LowerDevice? { nil }

    // MARK: Requests that it takes

    /// Has a request from here on of which `map` said that it is taken. Its `offset` is the one that `map`
    /// got. The target calls `submit` of a lower device, or `finish`, once, on any thread; until then the
    /// request is in flight here, so the table stays. Must not wait.
    func take(_ request: IORequest) { preconditionFailure("\(type.name) takes nothing") }

    /// A step of a request that this target gave to a `ComputeTurn`. It sends the request on, or finishes it,
    /// or gives it away for another step. May take CPU time; must not wait.
    func compute(_ request: IORequest, step: Int) {
        preconditionFailure("\(type.name) computes nothing")
    }

    /// For `IORequest.watch`. A request in flight keeps its target.
    var asWatcher: Unmanaged<EndWatcher> { Unmanaged.passUnretained(self) }

    // MARK: Life

    /// Whether the calls below mean something to it: a table of 100,000 lines calls nobody else.
    var hasLife: Bool { false }

    /// The device is about to be suspended, or removed (`presuspend`): what is held here must go on, and what
    /// runs by itself must stop, since the suspend waits for it. Must not wait. `flags`: of the command.
    func willSuspend(_ flags: SuspendFlags) {}

    /// Nothing is in flight here (`postsuspend`): what is known only here is brought onto the lower devices.
    /// May wait for I/O of its own, as far as `interrupt` lets it.
    func didSuspend(_ interrupt: Interrupt?) {}

    /// The device is about to go on (`preresume`); the first call comes before the first request. May wait
    /// for I/O of its own. Throws: the device stays suspended, and this is what its resume says.
    func willResume(_ interrupt: Interrupt?) throws(DMError) {}

    /// Requests come from here on (`resume`), or the suspend was given up after `willSuspend`. Must not wait.
    func didResume() {}

    /// The end of its table (`dtr`): lower devices are still open, nothing is in flight. May wait for I/O.
    func close() {}

    // MARK: Commands

    /// A message to it, `words` not empty. The answer is for the sender; nil: there is none. EINVAL: it
    /// takes no such message. Several may come at once, also while the device is suspended; a swap and a
    /// removal wait for their ends.
    func message(
        _ words: [ByteString], _ interrupt: Interrupt?
    ) throws(DMError) -> ByteString? {
        throw DMError(.invalidArgument, "Target type does not support messages")
    }

    /// Whether `commit` means something to it.
    var commitsForStatus: Bool { false }

    /// Brings onto the lower devices what `status` counts there. Called before it, unless the command says
    /// noflush or the device is suspended.
    func commit(_ interrupt: Interrupt?) {}

    // MARK: Status

    /// The parameters of the line, or its state. Without the start, the length and the type.
    func status(_ kind: StatusKind) -> ByteString { "" }

    /// The text of `StatusKind.measurement`: the target's type, then what it says of itself.
    func measurement(_ values: [String]) -> ByteString {
        let (major, minor, patch) = type.version
        let version = "target_version=\(major).\(minor).\(patch)"
        let all = ["target_name=\(type.name)", version] + values
        return ByteString(all.joined(separator: ",") + ";")
    }

    // MARK: Limits

    /// Each stretch of a lower device that it uses, in sectors: what it is checked against, and whose
    /// limits its own are made of (`iterate_devices`). A device may come several times.
    func lowerAreas() -> [LowerArea] { [] }

    /// Bytes of which it takes whole blocks only, a power of two that divides its place and length; 1: it takes
    /// any. Where a backing device below has longer blocks these count. The core does the rest
    /// (`BlockAccess`), and shows it as the device's logical block size.
    var blockSize: UInt32 { 1 }

    /// Changes what its lower devices' limits came to, where the target knows better (`io_hints`).
    func addHints(to limits: inout QueueLimits) {}

    /// Whether discards are sent on (`num_discard_bios`). The table takes them where each target
    /// does, and each device below each target; so one without a lower device forbids them.
    var forwardsDiscards: Bool { true }

    /// Whether writes of zeros that bring none along are sent on (`num_write_zeroes_bios`). False: the table's
    /// limits say that there are none, and zeros are written.
    var forwardsWriteZeroes: Bool { true }

    /// Zeros here are something else below: a write-zeroes comes as writes, of zeros.
    var encodesZeroes: Bool { false }
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
