import DeviceMapper
import SystemPackage

/// GET_TARGET_VERSION: the record of the target type that the head's name field names. EINVAL:
/// there is no such type.
enum GetTargetVersion: Command {
    static let command = DMCommand.getTargetVersion
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let entries = call.registry.knownTargetTypes().map(TargetVersionEntry.init)
        guard let entry = entries.first(where: { $0.name == call.head.name }) else {
            throw DMError(.invalidArgument)
        }
        call.writeVersions([entry])
    }
}
