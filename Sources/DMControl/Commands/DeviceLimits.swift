import DeviceMapper

/// dmfuse's own LIMITS: what requests a device takes. ENXIO. No payload if it never had a table.
enum DeviceLimits: Command {
    /// What its head is checked as.
    static let command = DMCommand.deviceStatus
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let (info, limits) = try call.registry.limits(try call.reference())
        call.setFound(info)
        call.setStatus(info)
        guard let limits else { return }
        let buffer = call.resultBuffer()
        guard QueueLimits.recordSize <= buffer.count else {
            call.head.flags.insert(.bufferFull)
            return
        }
        LimitsRecord.write(limits, into: &call.bytes, at: buffer.lowerBound)
        call.head.dataSize = UInt32(buffer.lowerBound + QueueLimits.recordSize)
    }
}
