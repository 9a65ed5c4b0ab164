package import DeviceMapper
import SystemPackage

/// Calls about tables and targets. Errnos are the kernel's; ENXIO: there is no such device.
extension ControlClient {
    /// Loads the inactive table. Nothing changes if it is refused.
    @discardableResult
    package func load(
        _ device: DeviceReference, lines: [TableLine], readOnly: Bool = false
    ) throws(DMError) -> DeviceStatus {
        guard let count = UInt32(exactly: lines.count) else {
            throw DMError(.overflow, "too many lines")
        }
        var head = try DMIoctl(device, flags: readOnly ? .readOnly : [])
        head.targetCount = count
        var request = head.request(size: DMIoctl.size)
        TargetSpec.encodeLoad(lines, appendingTo: &request)
        guard request.count <= DMIoctl.maximumDataSize else {
            throw DMError(.invalidArgument, "too long a table")
        }
        head.dataSize = UInt32(request.count)
        head.write(into: &request)
        return try ask(CommandNumber(.tableLoad), request).status
    }

    /// Drops the inactive table; succeeds if there is none.
    @discardableResult
    package func clear(_ device: DeviceReference) throws(DMError) -> DeviceStatus {
        try ask(.tableClear, try DMIoctl(device)).status
    }

    /// The live or the inactive table's lines, none without a table. Devices in them are
    /// "major:minor", or with `paths` the paths of backing files.
    package func table(
        _ device: DeviceReference, inactive: Bool = false, paths: Bool = false
    ) throws(DMError) -> (DeviceStatus, [TableLine]) {
        let number =
            paths ? CommandNumber(.tableStatusWithPaths) : CommandNumber(DMCommand.tableStatus)
        return try tableStatus(number, device, .statusTable, inactive: inactive)
    }

    /// The status of each line of the live or the inactive table. `noflush`: don't commit anything
    /// first.
    package func status(
        _ device: DeviceReference, inactive: Bool = false, noflush: Bool = false
    ) throws(DMError) -> (DeviceStatus, [TableLine]) {
        try tableStatus(
            CommandNumber(DMCommand.tableStatus), device, noflush ? .noflush : [],
            inactive: inactive)
    }

    /// What integrity measurement would be told of each line; see `status`.
    package func measurement(
        _ device: DeviceReference, inactive: Bool = false, noflush: Bool = false
    ) throws(DMError) -> (DeviceStatus, [TableLine]) {
        try tableStatus(
            CommandNumber(DMCommand.tableStatus), device,
            noflush ? [.imaMeasurement, .noflush] : .imaMeasurement, inactive: inactive)
    }

    private func tableStatus(
        _ number: CommandNumber, _ device: DeviceReference, _ flags: DMFlags, inactive: Bool
    ) throws(DMError) -> (DeviceStatus, [TableLine]) {
        let flags = inactive ? flags.union(.queryInactiveTable) : flags
        return try ControlClient.lines(
            of: try askGrowing(number, try DMIoctl(device, flags: flags)))
    }

    static func lines(of answer: Answer) throws(DMError) -> (DeviceStatus, [TableLine]) {
        // Without payload there is no table, whatever the count says.
        let count = answer.head.dataStart < answer.head.dataSize ? answer.head.targetCount : 0
        let lines = try TargetSpec.decodeStatus(
            answer.bytes, dataStart: answer.head.dataStart, count: count)
        return (answer.status, lines)
    }

    /// The devices that the live or the inactive table uses, newest first; nil without a table.
    package func dependencies(
        _ device: DeviceReference, inactive: Bool = false
    ) throws(DMError) -> (DeviceStatus, [DeviceNumber]?) {
        let head = try DMIoctl(device, flags: inactive ? .queryInactiveTable : [])
        let answer = try askGrowing(.tableDependencies, head)
        let devices = try Dependencies.decode(answer.bytes, dataStart: answer.head.dataStart)
        return (answer.status, devices)
    }

    /// Sleeps until the device's event number is another than `eventNumber`; then as `status`.
    package func wait(
        _ device: DeviceReference, eventNumber: UInt32, noflush: Bool = false
    ) throws(DMError) -> (DeviceStatus, [TableLine]) {
        var head = try DMIoctl(device, flags: noflush ? .noflush : [])
        head.eventNumber = eventNumber
        return try ControlClient.lines(of: try askGrowing(.deviceWait, head))
    }

    /// Sends a message to the target at `sector`; gives its answer, if it has one.
    package func message(
        _ device: DeviceReference, sector: UInt64, _ message: ByteString
    ) throws(DMError) -> (DeviceStatus, ByteString?) {
        var data: [UInt8] = []
        data.append(number: sector)
        data += message.bytes + [0]
        let answer = try askGrowing(.targetMessage, try DMIoctl(device), data: data)
        return (answer.status, ControlClient.text(of: answer))
    }

    /// What a message was answered; nil: nothing.
    static func text(of answer: Answer) -> ByteString? {
        let start = Int(answer.head.dataStart)
        guard answer.head.flags.contains(.dataOut), start < answer.bytes.count else { return nil }
        return answer.bytes.string(at: start, fieldSize: answer.bytes.count - start)
    }

    /// The target types and their versions, newest registered first.
    package func targets() throws(DMError) -> [TargetVersionEntry] {
        let answer = try askGrowing(.listVersions, DMIoctl())
        return try TargetVersionEntry.decode(answer.bytes, dataStart: answer.head.dataStart)
    }

    /// One target type's version. EINVAL: there is no such type.
    package func target(_ name: ByteString) throws(DMError) -> TargetVersionEntry? {
        var head = DMIoctl()
        head.name = try DMIoctl.checked(name, size: DMIoctl.nameSize, "name")
        let answer = try askGrowing(.getTargetVersion, head)
        return try TargetVersionEntry.decode(answer.bytes, dataStart: answer.head.dataStart).first
    }

    /// The traced lifecycle events. EOPNOTSUPP: the mount was made without a trace.
    package func trace() throws(DMError) -> LifecycleListing {
        let answer = try askGrowing(CommandNumber(DMFuseCommand.trace), DMIoctl())
        return try LifecycleListing.decode(answer.bytes, dataStart: answer.head.dataStart)
    }

    /// Ends the daemon. EBUSY: devices are open and it is not forced.
    package func unmount(force: Bool) throws(DMError) {
        var argument: [UInt8] = []
        argument.append(number: UInt32(force ? 1 : 0))
        let reply = try call(CommandNumber(.unmount), argument)
        if let errno = reply.errno { throw DMError(errno, reply.reason) }
    }
}
