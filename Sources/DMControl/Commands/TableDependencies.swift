import DeviceMapper

/// TABLE_DEPS: the devices that the live or the inactive table uses, newest first. No payload
/// without a table. ENXIO.
enum TableDependencies: Command {
    static let command = DMCommand.tableDependencies
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let (info, devices) = try call.registry.dependencies(
            try call.reference(), inactive: call.isAboutInactive)
        call.setFound(info)
        call.setStatus(info)
        guard let devices else { return }
        let buffer = call.resultBuffer()
        let needed = Dependencies.size(count: devices.count)
        guard needed <= buffer.count else {
            call.head.flags.insert(.bufferFull)
            return
        }
        Dependencies.write(devices, into: &call.bytes, at: buffer.lowerBound)
        call.head.dataSize = UInt32(buffer.lowerBound + needed)
    }
}
