package import DeviceMapper

/// The records of a reply to dmfuse's own TRACE, and how many older ones there were.
///
/// At `dataStart`: u64 dropped, u32 records, u32 size of a record (32); then the records, each u64
/// sequence, u64 generation, u64 table (0: none), u32 minor, u8 event, u8 seed's step, u8 direction
/// (0 register, 1 remove), u8 kind of thread.
package struct LifecycleListing: Hashable, Sendable {
    package var records: [LifecycleRecord]
    package var dropped: UInt64

    package init(records: [LifecycleRecord], dropped: UInt64) {
        self.records = records
        self.dropped = dropped
    }

    static let headSize = 16
    static let recordSize = 32

    var size: Int { LifecycleListing.headSize + records.count * LifecycleListing.recordSize }

    /// There must be `size` bytes.
    func write(into bytes: inout [UInt8], at offset: Int) {
        bytes.set(dropped, at: offset)
        bytes.set(UInt32(truncatingIfNeeded: records.count), at: offset + 8)
        bytes.set(UInt32(LifecycleListing.recordSize), at: offset + 12)
        var position = offset + LifecycleListing.headSize
        for record in records {
            bytes.set(record.sequence, at: position)
            bytes.set(record.generation, at: position + 8)
            bytes.set(record.table, at: position + 16)
            bytes.set(record.minor, at: position + 24)
            bytes.set(record.event.rawValue, at: position + 28)
            bytes.set(UInt8(record.event.step), at: position + 29)
            bytes.set(record.event.direction == .register ? 0 : 1 as UInt8, at: position + 30)
            bytes.set(record.thread.rawValue, at: position + 31)
            position += LifecycleListing.recordSize
        }
    }

    /// EPROTO: it contradicts itself, or has what this version doesn't know.
    package static func decode(
        _ bytes: [UInt8], dataStart: UInt32
    ) throws(DMError) -> LifecycleListing {
        let start = Int(dataStart)
        guard start <= bytes.count, bytes.count - start >= headSize else { throw cut }
        let count = Int(bytes.number(UInt32.self, at: start + 8))
        let stride = Int(bytes.number(UInt32.self, at: start + 12))
        guard stride >= recordSize, count <= (bytes.count - start - headSize) / stride else {
            throw cut
        }
        var listing = LifecycleListing(records: [], dropped: bytes.number(at: start))
        listing.records.reserveCapacity(count)
        for index in 0..<count {
            let position = start + headSize + index * stride
            guard let event = LifecycleEvent(rawValue: bytes[position + 28]),
                let thread = ThreadKind(rawValue: bytes[position + 31])
            else { throw DMError(.protocolError, "the trace has events of another version") }
            listing.records.append(
                LifecycleRecord(
                    sequence: bytes.number(at: position), event,
                    minor: bytes.number(at: position + 24),
                    generation: bytes.number(at: position + 8),
                    table: bytes.number(at: position + 16), thread: thread))
        }
        return listing
    }

    private static var cut: DMError { DMError(.protocolError, "the trace is cut") }
}
