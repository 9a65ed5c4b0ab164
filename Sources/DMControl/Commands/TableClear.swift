import DeviceMapper

/// TABLE_CLEAR: drops the inactive table, if there is one. ENXIO.
enum TableClear: Command {
    static let command = DMCommand.tableClear
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        let info = try call.registry.clear(try call.reference())
        call.setFound(info)
        call.setStatus(info)
    }
}
