import DeviceMapper

/// DEV_CREATE: a device without tables, not suspended. PERSISTENT_DEV takes the minor from `dev`.
/// EINVAL: not a name. EBUSY: name or uuid are taken. ENXIO: the minor is, or is out of range.
enum DeviceCreate: Command {
    static let command = DMCommand.deviceCreate
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        let isPersistent = call.head.flags.contains(.persistentDevice)
        let minor = isPersistent ? DeviceNumber(encoded: call.head.device).minor : nil
        let info = try call.registry.create(
            name: call.head.name, uuid: call.head.uuid, minor: minor)
        call.head.flags.remove(.inactivePresent)
        call.setStatus(info)
    }
}
