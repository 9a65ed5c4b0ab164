package import DeviceMapper
import SystemPackage

/// `struct dm_target_spec` and the string behind it: a `TableLine`, of a table or of its status.
///
/// u64 start, u64 length, s32 status, u32 next, char type[16], then the string and its NUL. In a
/// TABLE_LOAD `next` counts from this record, in a TABLE_STATUS reply from the first one.
package enum TargetSpec {
    static let size = 40
    static let typeSize = 16

    enum Offset {
        static let start = 0
        static let length = 8
        static let status = 16
        static let next = 20
        static let type = 24
    }

    /// Reads the record at `offset`, whose 40 bytes are known to be there.
    fileprivate static func line(
        _ bytes: [UInt8], at offset: Int, parametersEnd: Int
    ) -> TableLine {
        TableLine(
            start: bytes.number(at: offset + Offset.start),
            length: bytes.number(at: offset + Offset.length),
            targetType: bytes.string(at: offset + Offset.type, fieldSize: typeSize),
            parameters: ByteString(bytes[(offset + size)..<parametersEnd]))
    }
}

// MARK: - TABLE_LOAD

extension TargetSpec {
    /// The lines of a TABLE_LOAD (`populate_table`, `next_target`).
    ///
    /// `count` records from `dataStart` on; each is 8-aligned, in bounds with its string's NUL, and
    /// begins behind the one before it. EINVAL, in the kernel's words, if not. Linear in the bytes.
    package static func decodeLoad(
        _ bytes: [UInt8], dataStart: UInt32, count: UInt32
    ) throws(DMError) -> [TableLine] {
        guard count > 0 else {
            throw DMError(.invalidArgument, "populate_table: no targets specified")
        }
        var specs: [TableLine] = []
        // Not by the claimed count alone: each line takes at least 41 bytes.
        specs.reserveCapacity(min(Int(count), bytes.count / (TargetSpec.size + 1)))
        var position = 0
        var next = dataStart
        var minimum = DMIoctl.size
        while specs.count < Int(count) {
            guard Int(next) >= minimum else {
                let before = specs.isEmpty ? "'struct dm_ioctl'" : "previous target"
                throw DMError(
                    .invalidArgument,
                    "populate_table: next target spec (offset \(next)) overlaps \(before)")
            }
            guard Int(next) < bytes.count - position - TargetSpec.size else {
                throw DMError(.invalidArgument, "unable to find target")
            }
            guard next % 8 == 0 else {
                throw DMError(
                    .invalidArgument,
                    "Next dm_target_spec (offset \(next)) is not 8-byte aligned")
            }
            position += Int(next)
            let string = position + TargetSpec.size
            guard let end = bytes.firstNUL(from: string, end: bytes.count) else {
                throw DMError(
                    .invalidArgument, "populate_table: target parameters not NUL-terminated")
            }
            specs.append(line(bytes, at: position, parametersEnd: end))
            minimum = end + 1 - position
            next = bytes.number(at: position + Offset.next)
        }
        return specs
    }

    /// Appends the lines of a TABLE_LOAD behind a request's head. `bytes` are 8-aligned in length.
    package static func encodeLoad(_ specs: [TableLine], appendingTo bytes: inout [UInt8]) {
        var size = bytes.count
        for spec in specs { size += aligned(TargetSpec.size + spec.parameters.count + 1) }
        bytes.reserveCapacity(size)
        for spec in specs {
            let length = aligned(TargetSpec.size + spec.parameters.count + 1)
            let end = bytes.count + length
            bytes.append(number: spec.start)
            bytes.append(number: spec.length)
            bytes.append(number: Int32(0))
            bytes.append(number: UInt32(truncatingIfNeeded: length))
            let type = spec.targetType.bytes.prefix(TargetSpec.typeSize - 1)
            bytes.append(contentsOf: type)
            bytes.append(contentsOf: repeatElement(0, count: TargetSpec.typeSize - type.count))
            bytes.append(contentsOf: spec.parameters.bytes)
            bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
        }
    }
}

// MARK: - TABLE_STATUS

extension TargetSpec {
    /// The lines of a TABLE_STATUS or DEV_WAIT reply. EPROTO: the reply contradicts itself.
    package static func decodeStatus(
        _ bytes: [UInt8], dataStart: UInt32, count: UInt32
    ) throws(DMError) -> [TableLine] {
        let first = Int(dataStart)
        var specs: [TableLine] = []
        specs.reserveCapacity(min(Int(count), bytes.count / (TargetSpec.size + 1)))
        var position = first
        while specs.count < Int(count) {
            let string = position + TargetSpec.size
            guard position >= first, string < bytes.count,
                let end = bytes.firstNUL(from: string, end: bytes.count)
            else { throw DMError(.protocolError, "a table's lines are cut") }
            specs.append(line(bytes, at: position, parametersEnd: end))
            let next = first + Int(bytes.number(UInt32.self, at: position + Offset.next))
            // Forward only, or a wrong reply could be walked for ever.
            guard next > position else { throw DMError(.protocolError, "a table's lines go back") }
            position = next
        }
        return specs
    }

    /// Writes one line of a status at `offset`, all but `next`, and gives the offset behind its
    /// NUL. There must be room.
    static func write(_ line: StatusLine, into bytes: inout [UInt8], at offset: Int) -> Int {
        bytes.set(line.start, at: offset + Offset.start)
        bytes.set(line.length, at: offset + Offset.length)
        bytes.set(Int32(0), at: offset + Offset.status)
        let type = offset + Offset.type
        // The sixteenth byte of the type stays as it was (`strncpy`).
        bytes.set(UInt64(0), at: type)
        bytes.set(UInt64(0), at: type + typeSize - 9)
        bytes.set(ByteString(line.targetType), at: type, fieldSize: typeSize)
        return bytes.setCString(line.text.bytes, at: offset + size)
    }
}
