import DeviceMapper

/// REMOVE_ALL: every device that is not open; with DEFERRED_REMOVE the others on their last close.
/// Always succeeds, and writes nothing back.
enum RemoveAll: Command {
    static let command = DMCommand.removeAll
    static let hasData = false

    static func run(_ call: inout CommandCall) throws(DMError) {
        _ = call.registry.removeAll(deferred: call.head.flags.contains(.deferredRemove))
        call.head.dataSize = 0
    }
}
