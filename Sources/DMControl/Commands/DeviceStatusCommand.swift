import DeviceMapper

/// DEV_STATUS: `dmsetup info`. ENXIO.
enum DeviceStatusCommand: Command {
    static let command = DMCommand.deviceStatus
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        let reference = try call.reference()
        call.registry.awaitCloses(reference)
        let info = try call.registry.info(reference, inactive: call.isAboutInactive)
        call.setFound(info)
        call.setStatus(info)
    }
}
