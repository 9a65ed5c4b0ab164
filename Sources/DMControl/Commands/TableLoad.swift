import DeviceMapper
import SystemPackage

/// TABLE_LOAD: builds the inactive table from the data's target specs. What stood there before
/// goes; after an error it stays. ENXIO. EOVERFLOW: more than 2^20 targets. EINVAL: none, specs out
/// of bounds or overlapping, or what a target says; and what looking up its devices gives.
enum TableLoad: Command {
    static let command = DMCommand.tableLoad
    static let hasData = true
    /// What a line takes of memory until the table stands, rounded up.
    private static let bytesOfLine = 512

    static func run(_ call: inout CommandCall) throws(DMError) {
        let reference = try call.reference()
        _ = try call.registry.info(reference)
        guard call.head.targetCount <= Limits.targetsOfTable else {
            throw DMError(.overflow, "too many targets: \(call.head.targetCount)")
        }
        // Before they are read out of the data, too.
        try MemoryReserve.check(
            Int(call.head.targetCount) * TableLoad.bytesOfLine, for: "a table")
        let lines = try TargetSpec.decodeLoad(
            call.bytes, dataStart: call.head.dataStart, count: call.head.targetCount)
        let info = try call.registry.load(
            reference, lines: lines, readOnly: call.head.flags.contains(.readOnly),
            resolver: call.session.resolver)
        call.setFound(info)
        call.setStatus(info)
    }
}
