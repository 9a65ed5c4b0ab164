import DeviceMapper

/// REMOVE_ALL: every device that is not open; with DEFERRED_REMOVE the others on their last close.
/// Always succeeds, and writes nothing back.
enum RemoveAll: Command {
    static let command = DMCommand.removeAll
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        let left = call.registry.removeAll(deferred: call.head.flags.contains(.deferredRemove))
        if left > 0 { call.session.log("remove_all left \(left) open device(s)") }
        call.head.dataSize = 0
    }
}
