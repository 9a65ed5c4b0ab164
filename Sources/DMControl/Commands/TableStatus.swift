import DeviceMapper

/// TABLE_STATUS: a record a target of the live or the inactive table: with STATUS_TABLE_FLAG its
/// parameters, else with IMA_MEASUREMENT_FLAG what is to be measured, else its status. ENXIO. No payload without a table.
enum TableStatus: Command {
    static let command = DMCommand.tableStatus
    static let hasData = true
    static let mayBlock = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        try run(&call, paths: false)
    }

    fileprivate static func run(_ call: inout CommandCall, paths: Bool) throws(DMError) {
        let (info, lines) = try call.registry.tableStatus(
            try call.reference(), call.statusKind(paths: paths), inactive: call.isAboutInactive,
            noflush: call.head.flags.contains(.noflush), call.interrupt)
        call.setFound(info)
        call.setStatus(info)
        call.writeStatus(lines)
    }
}

/// dmfuse's own: TABLE_STATUS, with backing files by path.
enum TableStatusWithPaths: Command {
    static let command = DMCommand.tableStatus
    static let hasData = true
    static let mayBlock = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        try TableStatus.run(&call, paths: true)
    }
}

extension CommandCall {
    /// What the flags ask for.
    func statusKind(paths: Bool) -> StatusKind {
        if head.flags.contains(.statusTable) { return .table(paths: paths) }
        return head.flags.contains(.imaMeasurement) ? .measurement : .info
    }

    /// Writes a payload of target specs (`retrieve_status`). BUFFER_FULL: as many whole ones as
    /// fit.
    mutating func writeStatus(_ lines: [StatusLine]) {
        guard !lines.isEmpty else { return }
        let buffer = resultBuffer()
        let first = buffer.lowerBound
        var position = first
        var used = 0
        for line in lines {
            let text = line.text
            // Room for the record, and for a NUL more than needed: the kernel can't tell a text
            // that fits exactly from one that was cut.
            guard TargetSpec.size + text.count + 1 < buffer.upperBound - position else {
                head.flags.insert(.bufferFull)
                break
            }
            used = TargetSpec.write(line, into: &bytes, at: position)
            let next = first + aligned(used - first)
            guard next <= buffer.upperBound else {
                head.flags.insert(.bufferFull)
                break
            }
            bytes.set(
                UInt32(truncatingIfNeeded: next - first), at: position + TargetSpec.Offset.next)
            position = next
        }
        head.targetCount = UInt32(truncatingIfNeeded: lines.count)
        if used > 0 { head.dataSize = UInt32(used) }
    }
}
