import DeviceMapper
import SystemPackage

/// DEV_RENAME: the data is the new name, or with DM_UUID_FLAG the uuid of a device that has none.
/// EINVAL: not a name, too long, no NUL, a uuid is set. EBUSY: some device has that already, be it
/// this one. ENXIO: no device has the head's name; only by name is it looked up.
///
/// The reply's name and uuid are what came in.
enum DeviceRename: Command {
    static let command = DMCommand.deviceRename
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let isUUID = call.head.flags.contains(.uuid)
        let longest = (isUUID ? DMIoctl.uuidSize : DMIoctl.nameSize) - 1
        guard let new = call.string(at: Int(call.head.dataStart)), !new.isEmpty,
            new.count <= longest
        else {
            throw DMError(
                .invalidArgument, "Invalid new mapped device name or uuid string supplied.")
        }
        let name = call.head.name
        call.setStatus(
            isUUID
                ? try call.registry.setUUID(name, to: new)
                : try call.registry.rename(name, to: new))
    }
}
