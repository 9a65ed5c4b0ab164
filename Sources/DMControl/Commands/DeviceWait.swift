import DeviceMapper

/// DEV_WAIT: sleeps until the device's event number is another than the head's, then answers like
/// TABLE_STATUS. ENXIO. EINTR: the client went away.
enum DeviceWait: Command {
    static let command = DMCommand.deviceWait
    static let hasData = true
    static let mayBlock = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let (info, lines) = try call.registry.wait(
            try call.reference(), forEventOtherThan: call.head.eventNumber,
            call.statusKind(paths: false), inactive: call.isAboutInactive,
            noflush: call.head.flags.contains(.noflush), call.interrupt)
        call.setFound(info)
        call.setStatus(info)
        call.writeStatus(lines)
    }
}
