import DeviceMapper

/// dmfuse's own TRACE: the lifecycle events that the ring holds. EOPNOTSUPP: the mount was made
/// without one.
enum Trace: Command {
    /// What its head is checked as: it names no device.
    static let command = DMCommand.listVersions
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        guard let trace = call.registry.lifecycleTrace else {
            throw DMError(
                .notSupported,
                "lifecycle events are not traced: mount with --trace lifecycle")
        }
        let (records, dropped) = trace.snapshot()
        let listing = LifecycleListing(records: records, dropped: dropped)
        let buffer = call.resultBuffer()
        // Tells a client whose buffer is too small how many there are.
        call.head.targetCount = UInt32(truncatingIfNeeded: records.count)
        guard listing.size <= buffer.count else {
            call.head.flags.insert(.bufferFull)
            return
        }
        listing.write(into: &call.bytes, at: buffer.lowerBound)
        call.head.dataSize = UInt32(buffer.lowerBound + listing.size)
    }
}
