import DeviceMapper

/// The data of a reply to dmfuse's own LIMITS: `QueueLimits.record`, at `dataStart`.
enum LimitsRecord {
    /// There must be `QueueLimits.recordSize` bytes.
    static func write(_ limits: QueueLimits, into bytes: inout [UInt8], at offset: Int) {
        for (index, number) in limits.record.enumerated() {
            bytes.set(number, at: offset + 4 * index)
        }
    }

    /// Nil: there is none. EPROTO: it is cut.
    static func decode(_ bytes: [UInt8], dataStart: UInt32) throws(DMError) -> QueueLimits? {
        let start = Int(dataStart)
        guard start < bytes.count else { return nil }
        guard bytes.count - start >= QueueLimits.recordSize,
            let limits = QueueLimits(
                record: (0..<QueueLimits.recordSize / 4).map {
                    bytes.number(at: start + 4 * $0)
                })
        else { throw DMError(.protocolError, "the limits are cut") }
        return limits
    }
}
