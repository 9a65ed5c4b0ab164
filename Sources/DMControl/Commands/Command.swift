import DeviceMapper
import SystemPackage

/// One of device-mapper's commands: one file each.
protocol Command: SendableMetatype {
    static var command: DMCommand { get }

    /// False: it uses and returns the 305 bytes of the head only, however long the argument claims
    /// to be (`IOCTL_FLAGS_NO_PARAMS`).
    static var hasData: Bool { get }

    /// It may wait for I/O or events: the client's hang-up is to interrupt it.
    static var mayBlock: Bool { get }

    /// Carries the command out. Changes head and bytes of `call`, which are written back if this
    /// does not throw.
    static func run(_ call: inout CommandCall) throws(DMError)
}

extension Command {
    static var mayBlock: Bool { false }
}

/// The commands there are. VERSION is answered before any of them is looked up.
enum Commands {
    static let all: [any Command.Type] = [
        RemoveAll.self, ListDevices.self, DeviceCreate.self, DeviceRemove.self,
        DeviceRename.self, DeviceSuspend.self, DeviceStatusCommand.self, DeviceWait.self,
        TableLoad.self, TableClear.self, TableDependencies.self, TableStatus.self,
        ListVersions.self, TargetMessage.self, DeviceSetGeometry.self, DeviceArmPoll.self,
        GetTargetVersion.self,
    ]

    private static let byCommand: [DMCommand: any Command.Type] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.command, $0) })

    /// Nil: ENOTTY.
    static func named(_ number: CommandNumber) -> (any Command.Type)? {
        if let command = number.command { return byCommand[command] }
        return switch number.ownCommand {
        case .tableStatusWithPaths: TableStatusWithPaths.self
        case .trace: Trace.self
        case .limits: DeviceLimits.self
        case .unmount, .waitForEvent, nil: nil
        }
    }
}
