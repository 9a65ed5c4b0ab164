/// An ioctl number as a client passes it to `ioctl(2)`. Only the type byte and the command's number
/// count; the kernel ignores direction and size.
package struct CommandNumber: Hashable, Sendable {
    /// Type byte of device-mapper's commands.
    package static let deviceMapper: UInt8 = 0xfd
    /// Type byte of dmfuse's own.
    package static let dmfuse: UInt8 = 0xfe

    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `_IOWR(DM_IOCTL, command, struct dm_ioctl)`.
    package init(_ command: DMCommand) {
        rawValue =
            3 << 30 | UInt32(DMIoctl.size) << 16 | UInt32(CommandNumber.deviceMapper) << 8
            | UInt32(command.rawValue)
    }

    package init(_ command: DMFuseCommand) {
        rawValue = UInt32(CommandNumber.dmfuse) << 8 | UInt32(command.rawValue)
    }

    package var type: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
    package var number: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

    /// The command of device-mapper's that it means, whatever direction and size say.
    package var command: DMCommand? {
        type == CommandNumber.deviceMapper ? DMCommand(rawValue: number) : nil
    }

    /// The same for dmfuse's own.
    package var ownCommand: DMFuseCommand? {
        type == CommandNumber.dmfuse ? DMFuseCommand(rawValue: number) : nil
    }
}

/// device-mapper's commands (linux/dm-ioctl.h).
package enum DMCommand: UInt8, Sendable, CaseIterable {
    case version
    case removeAll
    case listDevices
    case deviceCreate
    case deviceRemove
    case deviceRename
    case deviceSuspend
    case deviceStatus
    case deviceWait
    case tableLoad
    case tableClear
    case tableDependencies
    case tableStatus
    case listVersions
    case targetMessage
    case deviceSetGeometry
    case deviceArmPoll
    case getTargetVersion
}

/// What a dmfuse daemon is asked besides device-mapper's commands.
package enum DMFuseCommand: UInt8, Sendable, CaseIterable {
    /// End the daemon. The argument is one u32: force.
    case unmount = 1
    /// TABLE_STATUS whose table lines name backing files by path, not by number.
    case tableStatusWithPaths = 2
    /// Wait until some device has had an event since ARM_POLL, or since the connection was made:
    /// what `poll(2)` tells of the kernel's control device. No argument.
    case waitForEvent = 3
    /// The traced lifecycle events. The argument is a head and room for them.
    case trace = 4
    /// The limits of a device: what requests it takes. The argument is a head that names the device,
    /// and room for them.
    case limits = 5

    /// Whether its argument is a `struct dm_ioctl`, and checked as device-mapper's are.
    var hasHead: Bool { self != .unmount && self != .waitForEvent }
}
