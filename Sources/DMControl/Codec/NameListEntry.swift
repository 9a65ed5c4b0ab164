package import DeviceMapper
import SystemPackage

/// One record of a LIST_DEVICES reply (`struct dm_name_list` and what follows its name).
///
/// u64 dev, u32 next from the start of this record (0: the last), the name and its NUL, padding to
/// 8, u32 event number, u32 flags, and, if flagged, the uuid and its NUL, padding to 8.
package struct NameListEntry: Hashable, Sendable {
    package var number: DeviceNumber
    package var name: ByteString
    package var eventNumber: UInt32
    /// Empty: the device has none, or uuids were not asked for.
    package var uuid: ByteString

    package init(
        number: DeviceNumber, name: ByteString, eventNumber: UInt32, uuid: ByteString = .empty
    ) {
        self.number = number
        self.name = name
        self.eventNumber = eventNumber
        self.uuid = uuid
    }

    enum Offset {
        static let device = 0
        static let next = 8
        static let name = 12
    }

    static let hasUUID: UInt32 = 1
    static let hasNoUUID: UInt32 = 2

    /// Bytes of this record (`list_devices`).
    func size(withUUID: Bool) -> Int {
        let fixed = aligned(Offset.name + name.count + 1) + 8
        return withUUID && !uuid.isEmpty ? fixed + aligned(uuid.count + 1) : fixed
    }

    /// Writes the record at `offset`, where `size(withUUID:)` bytes are. Padding stays as it was.
    func write(into bytes: inout [UInt8], at offset: Int, withUUID: Bool, isLast: Bool) {
        bytes.set(number.encoded, at: offset + Offset.device)
        let next = isLast ? 0 : UInt32(truncatingIfNeeded: size(withUUID: withUUID))
        bytes.set(next, at: offset + Offset.next)
        let event =
            aligned(bytes.setCString(name.bytes, at: offset + Offset.name) - offset) + offset
        bytes.set(eventNumber, at: event)
        guard withUUID else {
            bytes.set(UInt32(0), at: event + 4)
            return
        }
        bytes.set(uuid.isEmpty ? NameListEntry.hasNoUUID : NameListEntry.hasUUID, at: event + 4)
        if !uuid.isEmpty { bytes.setCString(uuid.bytes, at: event + 8) }
    }

    /// The records of a reply. EPROTO: it contradicts itself.
    package static func decode(
        _ bytes: [UInt8], dataStart: UInt32
    ) throws(DMError) -> [NameListEntry] {
        let cut = DMError(.protocolError, "the list of devices is cut")
        var entries: [NameListEntry] = []
        var position = Int(dataStart)
        // An empty list carries no record at all.
        guard position < bytes.count else { return [] }
        while true {
            guard position <= bytes.count - (Offset.name + 1) else { throw cut }
            let device: UInt64 = bytes.number(at: position + Offset.device)
            if device == 0 && entries.isEmpty { return [] }
            let name = position + Offset.name
            guard let end = bytes.firstNUL(from: name, end: bytes.count) else { throw cut }
            let event = position + aligned(end + 1 - position)
            guard event <= bytes.count - 8 else { throw cut }
            var uuid = ByteString.empty
            if bytes.number(UInt32.self, at: event + 4) & hasUUID != 0 {
                guard let uuidEnd = bytes.firstNUL(from: event + 8, end: bytes.count) else {
                    throw cut
                }
                uuid = ByteString(bytes[(event + 8)..<uuidEnd])
            }
            entries.append(
                NameListEntry(
                    number: DeviceNumber(encoded: device), name: ByteString(bytes[name..<end]),
                    eventNumber: bytes.number(at: event), uuid: uuid))
            let next: UInt32 = bytes.number(at: position + Offset.next)
            if next == 0 { return entries }
            position += Int(next)
        }
    }
}
