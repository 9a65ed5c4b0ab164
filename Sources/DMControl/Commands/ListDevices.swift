import DeviceMapper

/// LIST_DEVICES: a record a device, sorted by name. The head's name and uuid are prefixes that must
/// match; uuids are listed with DM_UUID_FLAG.
///
/// The payload of an empty list is empty, but its buffer must have room for a number.
enum ListDevices: Command {
    static let command = DMCommand.listDevices
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        call.registry.awaitCloses(nil)
        let head = call.head
        let entries = call.registry.list()
            .filter { $0.name.hasPrefix(head.name) && $0.uuid.hasPrefix(head.uuid) }
            .map {
                NameListEntry(
                    number: $0.number, name: $0.name, eventNumber: $0.eventNumber, uuid: $0.uuid)
            }
        let withUUID = head.flags.contains(.uuid)
        let needed = entries.reduce(0) { $0 + $1.size(withUUID: withUUID) }
        let buffer = call.resultBuffer()
        guard needed <= buffer.count, buffer.count >= 8 else {
            call.head.flags.insert(.bufferFull)
            return
        }
        var position = buffer.lowerBound
        // "No data"; behind the end of an empty list's reply.
        call.bytes.set(UInt64(0), at: position)
        for (index, entry) in entries.enumerated() {
            entry.write(
                into: &call.bytes, at: position, withUUID: withUUID,
                isLast: index == entries.count - 1)
            position += entry.size(withUUID: withUUID)
        }
        call.head.dataSize = UInt32(position)
    }
}
