import DeviceMapper

/// DEV_REMOVE. ENXIO. EBUSY: it is open, unless DEFERRED_REMOVE is set: then it goes on its last
/// close and the flag stays in the reply.
///
/// The reply has name and uuid, but no state; what came as event number is a udev cookie and stays.
enum DeviceRemove: Command {
    static let command = DMCommand.deviceRemove
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        let deferred = call.head.flags.contains(.deferredRemove)
        switch try call.registry.remove(try call.reference(), deferred: deferred) {
        case .removed(let info):
            call.setFound(info)
            call.head.flags.remove(.deferredRemove)
        case .deferred(let info):
            call.setFound(info)
        }
    }
}
