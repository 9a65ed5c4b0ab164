package import DeviceMapper
import SystemPackage

/// The payload of a TABLE_DEPS reply (`struct dm_target_deps`): u32 count, u32 unused, u64 dev[].
package enum Dependencies {
    static let headSize = 8

    static func size(count: Int) -> Int { headSize + 8 * count }

    /// Writes the payload at `offset`, where `size(count:)` bytes are.
    static func write(_ devices: [DeviceNumber], into bytes: inout [UInt8], at offset: Int) {
        bytes.set(UInt32(truncatingIfNeeded: devices.count), at: offset)
        for (index, device) in devices.enumerated() {
            bytes.set(device.encoded, at: offset + headSize + 8 * index)
        }
    }

    /// The devices of a reply, nil if it has no payload: there is no table. EPROTO: it is cut.
    package static func decode(
        _ bytes: [UInt8], dataStart: UInt32
    ) throws(DMError) -> [DeviceNumber]? {
        let start = Int(dataStart)
        guard start < bytes.count else { return nil }
        guard bytes.count - start >= headSize,
            case let count:UInt32 = bytes.number(at: start),
            bytes.count - start >= size(count: Int(count))
        else { throw DMError(.protocolError, "the list of dependencies is cut") }
        return (0..<Int(count)).map {
            DeviceNumber(encoded: bytes.number(at: start + headSize + 8 * $0))
        }
    }
}
