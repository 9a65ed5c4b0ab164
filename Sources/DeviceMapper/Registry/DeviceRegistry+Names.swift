import SystemPackage

/// Rename and uuid. Readers see the old or the new name: both change under dm_sem.
extension DeviceRegistry {
    /// ENXIO: no device has that name. EINVAL: no name. EBUSY: some device, this one included, has
    /// the new name.
    package func rename(
        _ name: ByteString, to new: ByteString
    ) throws(DMError) -> DeviceInfo {
        guard !new.isEmpty, new.count <= Limits.nameBytes else { throw Self.invalidNew }
        try DeviceNames.checkName(new)
        let (device, info) = try writing { (state) throws(DMError) -> (MappedDevice, DeviceInfo) in
            guard state.cellsByName[new] == nil else {
                throw DMError(
                    .resourceBusy,
                    "Unable to change name on mapped device \(name.string) to one that already "
                        + "exists: \(new.string)")
            }
            let (cell, device) = try Self.renamed(name, new.string, in: state)
            state.cellsByName[name] = nil
            cell.name = new
            state.cellsByName[new] = cell
            return (device, DeviceInfo(of: cell, device))
        }
        return announce(device, info)
    }

    /// Gives a device without a uuid one. EINVAL: it has one, or that is none.
    package func setUUID(
        _ name: ByteString, to uuid: ByteString
    ) throws(DMError) -> DeviceInfo {
        guard !uuid.isEmpty, uuid.count <= Limits.uuidBytes else { throw Self.invalidNew }
        let (device, info) = try writing { (state) throws(DMError) -> (MappedDevice, DeviceInfo) in
            guard state.cellsByUUID[uuid] == nil else {
                throw DMError(
                    .resourceBusy,
                    "Unable to change uuid on mapped device \(name.string) to one that already "
                        + "exists: \(uuid.string)")
            }
            let (cell, device) = try Self.renamed(name, "uuid \(uuid.string)", in: state)
            guard cell.uuid.isEmpty else {
                throw DMError(
                    .invalidArgument,
                    "Unable to change uuid of mapped device \(name.string) to \(uuid.string) "
                        + "because uuid is already set to \(cell.uuid.string)")
            }
            cell.uuid = uuid
            state.cellsByUUID[uuid] = cell
            return (device, DeviceInfo(of: cell, device))
        }
        return announce(device, info)
    }

    private static let invalidNew = DMError(
        .invalidArgument, "Invalid new mapped device name or uuid string supplied.")

    private static func renamed(
        _ name: ByteString, _ new: String, in state: State
    ) throws(DMError) -> (HashCell, MappedDevice) {
        guard let cell = state.cellsByName[name], let device = cell.device else {
            throw DMError(
                .noSuchAddressOrDevice,
                "Unable to rename non-existent device, \(name.string) to \(new)")
        }
        return (cell, device)
    }

    /// The event of the device, if it has a live table, and the global one; the event number that
    /// is reported counts this one.
    private func announce(_ device: MappedDevice, _ info: DeviceInfo) -> DeviceInfo {
        var info = info
        if device.hasLiveTable {
            device.tableEvent()
            info.eventNumber = device.events.current
        }
        globalEvents.raise()
        return info
    }
}
