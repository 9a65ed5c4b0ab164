package import DeviceMapper

/// How a caller names a device.
package enum DeviceReference: Hashable, Sendable {
    case uuid(ByteString)
    case name(ByteString)
    case number(DeviceNumber)
}
