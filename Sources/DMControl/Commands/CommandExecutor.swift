import DeviceMapper
import SystemPackage

/// Carries out one ioctl: the checks of `ctl_ioctl` in its order, the command, and what is written
/// back.
struct CommandExecutor {
    let registry: DeviceRegistry
    let session: ControlSession

    /// What a request led to.
    struct Outcome {
        var reply: ControlReply
        /// DM_SECURE_DATA: to be wiped when it has been sent.
        var isSecure = false
    }

    /// `argument` is what arrived of it, from a client that may be lying. It is taken, so that
    /// there is no copy of it to make or to wipe.
    func execute(
        _ number: CommandNumber, _ argument: inout [UInt8], _ interrupt: Interrupt
    ) -> Outcome {
        var bytes = argument.take()
        guard
            number.type == CommandNumber.deviceMapper
                || number.ownCommand?.hasHead == true
        else { return Outcome(reply: ControlReply(errno: .inappropriateIOCTLForDevice)) }
        guard bytes.count >= DMIoctl.versionSize else {
            return refusal(CommandExecutor.invalidSize(bytes.count), [])
        }
        let version = DMIoctl.version(in: bytes)
        // Ours is written back whatever comes.
        DMIoctl.set(.driver, in: &bytes)
        let written = Array(bytes[..<DMIoctl.versionSize])
        do throws(DMError) {
            try CommandExecutor.check(version, number)
            if number.command == .version {
                return Outcome(reply: ControlReply(errno: nil, bytes: written))
            }
            guard let command = Commands.named(number) else {
                throw DMError(
                    .inappropriateIOCTLForDevice,
                    "dm_ctl_ioctl: unknown command 0x\(String(number.rawValue, radix: 16))")
            }
            return try execute(command, &bytes, written, interrupt)
        } catch {
            return refusal(error, written)
        }
    }

    /// Throws while nothing of a secure request has been wiped yet.
    private func execute(
        _ command: any Command.Type, _ bytes: inout [UInt8], _ written: [UInt8],
        _ interrupt: Interrupt
    ) throws(DMError) -> Outcome {
        guard bytes.count >= DMIoctl.dataOffset else {
            throw CommandExecutor.invalidSize(bytes.count)
        }
        let head = DMIoctl(reading: bytes)
        try CommandExecutor.cut(&bytes, to: head.dataSize, command)
        var call = CommandCall(
            head: head, bytes: bytes.take(), registry: registry, session: session,
            interrupt: interrupt)
        guard head.flags.contains(.secureData) else {
            try CommandExecutor.run(command, &call)
            let size = Int(call.head.dataSize)
            guard size >= DMIoctl.dataOffset else {
                return Outcome(reply: ControlReply(errno: nil, bytes: written))
            }
            call.bytes.removeSubrange(size...)
            return Outcome(reply: ControlReply(errno: nil, bytes: call.bytes))
        }
        // The client's buffer is to be wiped, all of it; on success the reply stands in front.
        do throws(DMError) {
            try CommandExecutor.run(command, &call)
            call.bytes.wipe(from: Int(call.head.dataSize))
            return Outcome(
                reply: ControlReply(errno: nil, bytes: call.bytes), isSecure: true)
        } catch {
            call.bytes.wipe()
            return refusal(error, call.bytes)
        }
    }

    private func refusal(_ error: DMError, _ written: [UInt8]) -> Outcome {
        if !error.message.isEmpty { session.log(error.message) }
        return Outcome(
            reply: ControlReply(errno: error.errno, bytes: written, reason: error.message))
    }

    /// Checks the head and runs the command; the head is then written over the bytes, if there is
    /// to be any reply.
    private static func run(
        _ command: any Command.Type, _ call: inout CommandCall
    ) throws(DMError) {
        try validate(&call.head, command)
        call.head.dataSize = UInt32(DMIoctl.dataOffset)
        try command.run(&call)
        precondition(call.head.dataSize <= call.bytes.count, "a reply longer than its buffer")
        if call.head.dataSize >= DMIoctl.dataOffset { call.head.write(into: &call.bytes) }
    }

    // MARK: Checks

    /// EINVAL: another major version, or a client newer than we are (`check_version`).
    private static func check(
        _ version: InterfaceVersion, _ number: CommandNumber
    ) throws(DMError) {
        let ours = InterfaceVersion.driver
        guard version.major == ours.major, version.minor <= ours.minor else {
            throw DMError(
                .invalidArgument,
                "ioctl interface mismatch: kernel(\(ours)), user(\(version)), "
                    + "cmd(\(number.number))")
        }
    }

    private static func invalidSize(_ size: Int) -> DMError {
        DMError(.invalidArgument, "Invalid data size in the ioctl structure: \(size)")
    }

    /// Cuts the argument to the size that it claims, or to its head (`copy_params`). EINVAL: that
    /// is not 305 bytes to 1 GiB, or more than arrived.
    private static func cut(
        _ bytes: inout [UInt8], to dataSize: UInt32, _ command: any Command.Type
    ) throws(DMError) {
        let size = Int(dataSize)
        guard size >= DMIoctl.dataOffset, size <= DMIoctl.maximumDataSize else {
            throw invalidSize(size)
        }
        let used = command.hasData ? size : DMIoctl.dataOffset
        guard used <= bytes.count else { throw invalidSize(size) }
        bytes.removeSubrange(used...)
    }

    /// What the kernel's `validate_params` does: flags that are only for replies are cleared, names
    /// are cut to their lengths. EINVAL: name and uuid are both given, or no name to create.
    private static func validate(
        _ head: inout DMIoctl, _ command: any Command.Type
    ) throws(DMError) {
        head.flags.subtract([.bufferFull, .ueventGenerated, .secureData, .dataOut])
        switch command.command {
        case .removeAll, .listDevices, .listVersions: return
        case .deviceCreate:
            guard !head.name.isEmpty else {
                throw DMError(.invalidArgument, "name not supplied when creating device")
            }
        default:
            guard head.name.isEmpty || head.uuid.isEmpty else {
                throw DMError(
                    .invalidArgument,
                    "only supply one of name or uuid, cmd(\(command.command.rawValue))")
            }
        }
        head.name = ByteString(head.name.bytes.prefix(DMIoctl.nameSize - 1))
        head.uuid = ByteString(head.uuid.bytes.prefix(DMIoctl.uuidSize - 1))
    }
}
