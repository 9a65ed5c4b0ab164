import DeviceMapper

/// LIST_VERSIONS: a record a target type, the newest first. GET_TARGET_VERSION: one record.
enum ListVersions: Command {
    static let command = DMCommand.listVersions
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        call.writeVersions(call.registry.knownTargetTypes().map(TargetVersionEntry.init))
    }
}

extension TargetVersionEntry {
    init(_ type: TargetType) {
        name = ByteString(type.name)
        version = InterfaceVersion(type.version.0, type.version.1, type.version.2)
    }
}

extension CommandCall {
    mutating func writeVersions(_ entries: [TargetVersionEntry]) {
        let buffer = resultBuffer()
        let needed = entries.reduce(0) { $0 + $1.neededSize }
        guard needed <= buffer.count else {
            head.flags.insert(.bufferFull)
            return
        }
        var position = buffer.lowerBound
        for (index, entry) in entries.enumerated() {
            position = entry.write(
                into: &bytes, at: position, isLast: index == entries.count - 1)
        }
        // The kernel counts the most that alignment could take, and so do we.
        head.dataSize = UInt32(buffer.lowerBound + needed)
    }
}
