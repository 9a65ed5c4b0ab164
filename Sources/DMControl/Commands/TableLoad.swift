import DeviceMapper
import SystemPackage

/// TABLE_LOAD: builds the inactive table from the data's target specs. What stood there before
/// goes; after an error it stays. ENXIO. EOVERFLOW: more than 2^20 targets. EINVAL: none, specs out
/// of bounds or overlapping, or what a target says; and what looking up its devices gives.
enum TableLoad: Command {
    static let command = DMCommand.tableLoad
    static let hasData = true

    /// `DM_MAX_TARGETS`.
    private static let maximumTargets: UInt32 = 1 << 20

    static func run(_ call: inout CommandCall) throws(DMError) {
        let reference = try call.reference()
        _ = try call.registry.info(reference)
        guard call.head.targetCount <= maximumTargets else {
            throw DMError(.overflow, "too many targets: \(call.head.targetCount)")
        }
        let specs = try TargetSpec.decodeLoad(
            call.bytes, dataStart: call.head.dataStart, count: call.head.targetCount)
        let lines = specs.map {
            TableLine(
                start: $0.start, length: $0.length, targetType: $0.targetType,
                parameters: $0.parameters)
        }
        let info = try call.registry.load(
            reference, lines: lines, readOnly: call.head.flags.contains(.readOnly),
            resolver: call.session.resolver)
        call.setFound(info)
        call.setStatus(info)
    }
}
