package import DeviceMapper
import SystemPackage

/// Calls about devices. Errnos are the kernel's; ENXIO: there is no such device.
extension ControlClient {
    /// The interface's version, the driver's.
    package func version() throws(DMError) -> InterfaceVersion {
        let request = DMIoctl().request(size: DMIoctl.dataOffset)
        let reply = try call(CommandNumber(.version), request)
        if let errno = reply.errno { throw DMError(errno, reply.reason) }
        guard reply.bytes.count >= DMIoctl.versionSize else {
            throw DMError(.protocolError, "control socket: a cut reply")
        }
        return DMIoctl.version(in: reply.bytes)
    }

    /// All devices, by name in byte order, or those whose name and uuid begin so.
    package func list(
        namePrefix: ByteString = .empty, uuidPrefix: ByteString = .empty
    ) throws(DMError) -> [NameListEntry] {
        var head = DMIoctl(flags: .uuid)
        head.name = try DMIoctl.checked(namePrefix, size: DMIoctl.nameSize, "name")
        head.uuid = try DMIoctl.checked(uuidPrefix, size: DMIoctl.uuidSize, "uuid")
        let answer = try askGrowing(.listDevices, head)
        return try NameListEntry.decode(answer.bytes, dataStart: answer.head.dataStart)
    }

    /// Creates a device without tables. EBUSY: name or uuid are taken; ENXIO: `minor` is.
    package func create(
        name: ByteString, uuid: ByteString = .empty, minor: UInt32? = nil
    ) throws(DMError) -> DeviceStatus {
        var head = DMIoctl(flags: minor == nil ? [] : .persistentDevice)
        head.name = try DMIoctl.checked(name, size: DMIoctl.nameSize, "name")
        head.uuid = try DMIoctl.checked(uuid, size: DMIoctl.uuidSize, "uuid")
        if let minor { head.device = DeviceNumber(major: mappedMajor, minor: minor).encoded }
        return try ask(.deviceCreate, head).status
    }

    /// Removes a device. EBUSY: it is open, unless `deferred`: then it goes on its last close and
    /// the status says `isRemovalDeferred`.
    package func remove(
        _ device: DeviceReference, deferred: Bool = false
    ) throws(DMError) -> DeviceStatus {
        let head = try DMIoctl(device, flags: deferred ? .deferredRemove : [])
        return try ask(.deviceRemove, head).status
    }

    /// Removes every device that is not open; with `deferred` those too, on their last close.
    package func removeAll(deferred: Bool = false) throws(DMError) {
        let request = DMIoctl(flags: deferred ? .deferredRemove : [])
            .request(size: DMIoctl.dataOffset)
        // Its reply has no bytes at all.
        let reply = try call(CommandNumber(.removeAll), request)
        if let errno = reply.errno { throw DMError(errno, reply.reason) }
    }

    /// Gives a device another name. EBUSY: a device has that name; EINVAL: not a name.
    @discardableResult
    package func rename(_ name: ByteString, to new: ByteString) throws(DMError) -> DeviceStatus {
        try rename(name, to: new, flags: [])
    }

    /// Gives a device its uuid. EINVAL: it has one; EBUSY: another device has this one.
    @discardableResult
    package func setUUID(_ name: ByteString, to uuid: ByteString) throws(DMError) -> DeviceStatus {
        try rename(name, to: uuid, flags: .uuid)
    }

    private func rename(
        _ name: ByteString, to new: ByteString, flags: DMFlags
    ) throws(DMError) -> DeviceStatus {
        let head = try DMIoctl(.name(name), flags: flags)
        let request = head.request(data: new.bytes + [0])
        return try ask(CommandNumber(.deviceRename), request).status
    }

    /// What `dmsetup info` prints. With `inactive`, target count and read-only are the inactive
    /// table's.
    package func info(
        _ device: DeviceReference, inactive: Bool = false
    ) throws(DMError) -> DeviceStatus {
        let head = try DMIoctl(device, flags: inactive ? .queryInactiveTable : [])
        return try ask(.deviceStatus, head).status
    }

    /// What requests a device takes; nil: it never had a table.
    package func limits(
        _ device: DeviceReference
    ) throws(DMError) -> (DeviceStatus, QueueLimits?) {
        let answer = try askGrowing(CommandNumber(DMFuseCommand.limits), try DMIoctl(device))
        let limits = try LimitsRecord.decode(answer.bytes, dataStart: answer.head.dataStart)
        return (answer.status, limits)
    }

    /// Stops a device's I/O. Returns when what was under way is done.
    @discardableResult
    package func suspend(
        _ device: DeviceReference, noflush: Bool = false, skipLockFS: Bool = false
    ) throws(DMError) -> DeviceStatus {
        try suspend(device, .suspend, noflush, skipLockFS)
    }

    /// Swaps in the inactive table, if there is one, and lets I/O go on. EINVAL: no table at all.
    @discardableResult
    package func resume(
        _ device: DeviceReference, noflush: Bool = false, skipLockFS: Bool = false
    ) throws(DMError) -> DeviceStatus {
        try suspend(device, [], noflush, skipLockFS)
    }

    private func suspend(
        _ device: DeviceReference, _ flags: DMFlags, _ noflush: Bool, _ skipLockFS: Bool
    ) throws(DMError) -> DeviceStatus {
        var flags = flags
        if noflush { flags.insert(.noflush) }
        if skipLockFS { flags.insert(.skipLockFS) }
        return try ask(.deviceSuspend, try DMIoctl(device, flags: flags)).status
    }
}
