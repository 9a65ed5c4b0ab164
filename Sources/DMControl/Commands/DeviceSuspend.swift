import DeviceMapper

/// DEV_SUSPEND: suspends with SUSPEND_FLAG, resumes without. ENXIO. EINTR: the client went away.
///
/// A resume takes the inactive table if there is one. EINVAL: suspended and no table, or the new
/// one doesn't fit its lower devices; the device then stays suspended.
enum DeviceSuspend: Command {
    static let command = DMCommand.deviceSuspend
    static let hasData = false
    static let mayBlock = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let reference = try call.reference()
        var flags: SuspendFlags = []
        if call.head.flags.contains(.noflush) { flags.insert(.noflush) }
        if call.head.flags.contains(.skipLockFS) { flags.insert(.skipLockFS) }
        let info =
            call.head.flags.contains(.suspend)
            ? try call.registry.suspend(reference, flags, call.interrupt)
            : try call.registry.resume(reference, flags, call.interrupt)
        call.setFound(info)
        call.setStatus(info)
    }
}
