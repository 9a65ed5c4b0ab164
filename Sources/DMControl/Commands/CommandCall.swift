import DeviceMapper
import SystemPackage

/// One command while it runs: the argument, which becomes the reply in place as in the kernel, and
/// what the command works on.
struct CommandCall {
    /// The checked head. `dataSize` is how much will be written back: 305 unless the command says
    /// otherwise.
    var head: DMIoctl
    /// The argument, as long as the client said (`param_size`).
    var bytes: [UInt8]
    let registry: DeviceRegistry
    let session: ControlSession
    let interrupt: Interrupt

    /// The device that the head names. ENXIO: none, or in two ways at once
    /// (`__find_device_hash_cell`).
    func reference() throws(DMError) -> DeviceReference {
        let ways = (head.uuid.isEmpty ? 0 : 1) + (head.name.isEmpty ? 0 : 1)
        guard head.device == 0 || ways == 0 else {
            let name = head.uuid.isEmpty ? "" : "uuid \(head.uuid.string), "
            throw DMError(
                .noSuchAddressOrDevice,
                "Invalid ioctl structure: \(name)name \(head.name.string), dev "
                    + String(head.device, radix: 16))
        }
        if !head.uuid.isEmpty { return .uuid(head.uuid) }
        if !head.name.isEmpty { return .name(head.name) }
        guard head.device != 0 else { throw .noSuchDevice }
        return .number(DeviceNumber(encoded: head.device))
    }

    /// Whether the inactive table is asked about.
    var isAboutInactive: Bool { head.flags.contains(.queryInactiveTable) }

    // MARK: Reply

    /// Writes what the lookup of a device writes: its name, its uuid, whether it has an inactive
    /// table.
    mutating func setFound(_ info: DeviceInfo) {
        head.name = info.name
        head.uuid = info.uuid
        set(.inactivePresent, info.hasInactiveTable)
    }

    /// Writes the state of a device (`__dev_status`).
    mutating func setStatus(_ info: DeviceInfo) {
        set(.suspend, info.isSuspended)
        set(.readOnly, info.isReadOnly)
        set(.activePresent, info.hasLiveTable)
        set(.internalSuspend, false)
        // Not taken off: as the kernel leaves it.
        if info.isDeferredRemove { head.flags.insert(.deferredRemove) }
        head.device = info.number.encoded
        head.openCount = Int32(clamping: info.openCount)
        head.eventNumber = info.eventNumber
        head.targetCount = info.targetCount
    }

    mutating func set(_ flag: DMFlags, _ value: Bool) {
        if value { head.flags.insert(flag) } else { head.flags.remove(flag) }
    }

    /// Where a reply's data may stand (`get_result_buffer`). Sets `dataStart`.
    mutating func resultBuffer() -> Range<Int> {
        let start = min(DMIoctl.size, bytes.count)
        head.dataStart = UInt32(start)
        return start..<bytes.count
    }

    /// The string at `offset` of the argument, up to its NUL (`invalid_str`); nil: it begins in the
    /// head, or has no NUL within the argument.
    func string(at offset: Int) -> ByteString? {
        guard offset >= DMIoctl.dataOffset, offset < bytes.count,
            let end = bytes.firstNUL(from: offset, end: bytes.count)
        else { return nil }
        return ByteString(bytes[offset..<end])
    }
}
