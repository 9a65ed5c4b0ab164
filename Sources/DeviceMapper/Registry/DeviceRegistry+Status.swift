import SystemPackage

/// What is asked of devices and changes nothing. None of this waits for a suspended device, but a status for
/// which a target commits: that may wait for one below, and can be interrupted.
extension DeviceRegistry {
    /// ENXIO.
    package func info(
        _ reference: DeviceReference, inactive: Bool = false
    ) throws(DMError) -> DeviceInfo {
        try find(reference, inactive: inactive).info
    }

    /// All devices, sorted by name bytewise.
    package func list() -> [DeviceInfo] {
        reading { state in
            state.cellsByName.values.compactMap { cell in
                cell.device.map { DeviceInfo(of: cell, $0) }
            }
        }.sorted { $0.name < $1.name }
    }

    /// The lines of the live or the inactive table; none if there is no such table. Targets of the live one
    /// may bring what they count onto their lower devices first, unless `noflush`. ENXIO.
    package func tableStatus(
        _ reference: DeviceReference, _ kind: StatusKind, inactive: Bool, noflush: Bool = false,
        _ interrupt: Interrupt? = nil
    ) throws(DMError) -> (info: DeviceInfo, lines: [StatusLine]) {
        let (device, info) = try find(reference, inactive: inactive)
        return (info, lines(of: device, kind, inactive: inactive, noflush: noflush, interrupt))
    }

    /// Lower devices of the live or the inactive table, newest first; nil: no such table. ENXIO.
    package func dependencies(
        _ reference: DeviceReference, inactive: Bool
    ) throws(DMError) -> (info: DeviceInfo, numbers: [DeviceNumber]?) {
        let (device, info) = try find(reference, inactive: inactive)
        let tables = device.tables
        let table = inactive ? tables.inactive : tables.live
        return (info, table?.lowerDevices.map(\.number))
    }

    /// What requests the device takes, by its live table, or, while it had none, by the first that was
    /// loaded; nil: none ever was. ENXIO.
    package func limits(
        _ reference: DeviceReference
    ) throws(DMError) -> (info: DeviceInfo, limits: QueueLimits?) {
        let (device, info) = try find(reference, inactive: false)
        return (info, device.limits)
    }

    /// Waits until the device's event number is another one, then answers like `tableStatus`.
    /// Removal and rename of a device with a live table are events; without one nothing wakes the
    /// wait (R18). EINTR, ENXIO.
    package func wait(
        _ reference: DeviceReference, forEventOtherThan known: UInt32, _ kind: StatusKind,
        inactive: Bool, noflush: Bool = false, _ interrupt: Interrupt
    ) throws(DMError) -> (info: DeviceInfo, lines: [StatusLine]) {
        let (device, before) = try find(reference, inactive: inactive)
        try device.events.wait(forOtherThan: known, interrupt)
        var info = before
        if let now = try? self.info(.number(before.number), inactive: inactive),
            now.generation == before.generation
        {
            info = now
        }
        info.eventNumber = device.events.current
        return (info, lines(of: device, kind, inactive: inactive, noflush: noflush, interrupt))
    }

    /// Versions of the targets, the newest registered first.
    package func knownTargetTypes() -> [TargetType] { targetTypes.all.reversed() }

    func find(
        _ reference: DeviceReference, inactive: Bool
    ) throws(DMError) -> (device: MappedDevice, info: DeviceInfo) {
        try reading { (state) throws(DMError) in
            let cell = try self.cell(reference, in: state)
            guard let device = cell.device else { throw .noSuchDevice }
            return (device, DeviceInfo(of: cell, device, inactive: inactive))
        }
    }

    private func lines(
        of device: MappedDevice, _ kind: StatusKind, inactive: Bool, noflush: Bool,
        _ interrupt: Interrupt?
    ) -> [StatusLine] {
        if !inactive, !noflush, kind == .info, !device.isSuspended,
            device.tables.live?.commitsForStatus == true
        {
            try? device.withLiveTable { $0.commit(interrupt) }
        }
        let tables = device.tables
        return (inactive ? tables.inactive : tables.live)?.statusLines(kind) ?? []
    }
}
