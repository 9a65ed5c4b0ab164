import DeviceMapper

/// DEV_ARM_POLL: this connection remembers the global event number; `waitForEvent` tells when it
/// has moved since. Connecting arms too.
enum DeviceArmPoll: Command {
    static let command = DMCommand.deviceArmPoll
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        call.session.arm(call.registry)
    }
}
