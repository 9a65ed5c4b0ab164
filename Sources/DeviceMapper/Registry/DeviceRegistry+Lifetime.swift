import Glibc
import SystemPackage

/// What came of a removal that wasn't refused.
package enum RemoveOutcome: Sendable {
    /// Gone; the state just before.
    case removed(DeviceInfo)
    /// In use, and marked to be removed by the last close.
    case deferred(DeviceInfo)
}

/// A device that nothing leads to any more, and its cell: neither is freed under dm_sem, nor before
/// the rest of the removal is done.
struct DetachedDevice {
    let cell: HashCell
    let device: MappedDevice
}

/// Creation and removal, in the seed's order. Numbers in comments are the seed's steps.
extension DeviceRegistry {
    /// A new device without a table. `uuid` empty: none. `minor` nil: the lowest that is free.
    /// EINVAL: no name for a device. ENXIO: that minor is in use or out of range. EBUSY: a device
    /// has that name or uuid. ENOMEM.
    package func create(
        name: ByteString, uuid: ByteString, minor: UInt32?
    ) throws(DMError) -> DeviceInfo {
        try DeviceNames.checkName(name)
        try DeviceNames.checkUUID(uuid)
        try MemoryReserve.check(for: "a device")
        let now = RealTime.now
        let info = try writing { (state) throws(DMError) -> DeviceInfo in
            guard !state.isClosed else { throw .noSuchDevice }
            guard let minor = state.take(minor) else { throw .noSuchDevice }
            state.lastGeneration += 1
            let lifecycle = Lifecycle(
                trace: lifecycleTrace, minor: minor, generation: state.lastGeneration)
            lifecycle.note(.minorAllocated)
            guard state.cellsByName[name] == nil,
                uuid.isEmpty || state.cellsByUUID[uuid] == nil
            else {
                lifecycle.note(.minorFreed)
                state.minors.free(minor)
                throw DMError(.resourceBusy)
            }
            // 1. device, disk, queue, cell: nobody sees them yet.
            let number = DeviceNumber(major: mappedMajor, minor: minor)
            let cell = HashCell(name: name, uuid: uuid, lifecycle: lifecycle)
            let disk = Disk(number: number, creationTime: now, lifecycle: lifecycle)
            // 2. is done with it: a device is made with its disk.
            let device = MappedDevice(registry: self, disk: disk)
            // 3. The disk is visible.
            state.disks[minor] = disk
            lifecycle.note(.diskRegistered)
            // 4. It can be opened.
            cell.device = device
            disk.hashCell = cell
            lifecycle.note(.deviceToCell)
            // 5. It can be controlled.
            state.cellsByName[name] = cell
            lifecycle.note(.cellToList)
            if !uuid.isEmpty { state.cellsByUUID[uuid] = cell }
            return DeviceInfo(of: cell, device)
        }
        globalEvents.raise()
        return info
    }

    /// Removes a device that nobody has open. ENXIO. EBUSY: somebody has, unless `deferred`, which
    /// marks it for the last close. Handles whose close may be under way are waited for.
    package func remove(
        _ reference: DeviceReference, deferred: Bool
    ) throws(DMError) -> RemoveOutcome {
        waitForClosings(reference, .removal)
        let (detached, outcome) = try writing {
            (state) throws(DMError) -> (DetachedDevice?, RemoveOutcome) in
            let cell = try self.cell(reference, in: state)
            guard let device = cell.device else { throw .noSuchDevice }
            guard cell.openCount == 0 else {
                guard deferred else { throw DMError(.resourceBusy) }
                cell.isDeferredRemove = true
                return (nil, .deferred(DeviceInfo(of: cell, device)))
            }
            cell.isDeferredRemove = false
            let info = DeviceInfo(of: cell, device)
            return (state.detach(cell, device), .removed(info))
        }
        if let detached { finishRemoval(of: detached) }
        globalEvents.raise()
        return outcome
    }

    /// Removes every device that nobody has open, also those that become so by that. `deferred`:
    /// marks the others. Returns how many are left, open. Waits a bounded moment for deferred removals:
    /// until they are done, what they remove has what is below it open. What others make meanwhile is removed,
    /// too.
    package func removeAll(deferred: Bool) -> Int {
        defer { globalEvents.raise() }
        waitForClosings(nil, .removal)
        let deadline = Deadline(millisecondsFromNow: ClosingWait.removal.milliseconds)
        while true {
            let names = reading { $0.cellsByName.keys }.sorted()
            var removedAny = false
            for name in names {
                if let detached = detachIfUnused(name, orDefer: deferred) {
                    finishRemoval(of: detached)
                    removedAny = true
                }
            }
            // A device that went may have been the only opener of one before it.
            guard !removedAny else { continue }
            // All at one moment: who has them open isn't being removed himself.
            let (left, areOpen) = reading { state in
                let cells = state.cellsByName.values
                let areOpen = deferredRemovals.isIdle && cells.allSatisfy { $0.openCount > 0 }
                return (cells.count, areOpen)
            }
            if areOpen || deadline.hasPassed { return left }
            deferredRemovals.finishScheduled(in: self, until: deadline)
        }
    }

    /// Under dm_sem, what removal does there; nil: in use or gone.
    private func detachIfUnused(_ name: ByteString, orDefer deferred: Bool) -> DetachedDevice? {
        writing { state in
            guard let cell = state.cellsByName[name], let device = cell.device else { return nil }
            guard cell.openCount == 0 else {
                if deferred { cell.isDeferredRemove = true }
                return nil
            }
            return state.detach(cell, device)
        }
    }

    /// The steps of removal that take no dm_sem, but for giving the number back.
    func finishRemoval(of detached: DetachedDevice) {
        let device = detached.device
        // The cell is among the rest that is freed last.
        defer { withExtendedLifetime(detached) {} }
        // Wakes those that wait for an event: it is the last one.
        if device.hasLiveTable { device.tableEvent() }
        // 1. I/O ends. 2. The tables go.
        device.unbindAndDestroyTables()
        // 5. The disk goes, and its number is free.
        writing { state in
            state.disks[device.disk.number.minor] = nil
            device.disk.lifecycle.note(.diskUnregistered)
            device.disk.lifecycle.note(.minorFreed)
            state.minors.free(device.disk.number.minor)
        }
        removals.noteChange()
        // 7. The rest goes with the last reference.
    }

    /// Removes a device that was marked, after its last close. On the thread of deferred removals.
    func removeDeferred(_ cell: HashCell) {
        let detached = writing { state -> DetachedDevice? in
            guard cell.isDeferredRemove, cell.openCount == 0, let device = cell.device else {
                return nil
            }
            return state.detach(cell, device)
        }
        if let detached { finishRemoval(of: detached) }
    }

    /// Takes the mark of deferred removal off. EBUSY: it is being removed.
    func cancelDeferredRemove(_ device: MappedDevice) throws(DMError) {
        try writing { (_) throws(DMError) in
            guard let cell = device.disk.hashCell else { throw DMError(.resourceBusy) }
            cell.isDeferredRemove = false
        }
    }
}

extension DeviceRegistry.State {
    fileprivate mutating func take(_ minor: UInt32?) -> UInt32? {
        guard let minor else { return minors.takeLowest() }
        return minors.take(minor) ? minor : nil
    }

    /// Under dm_sem, after the check of the open count.
    mutating func detach(_ cell: HashCell, _ device: MappedDevice) -> DetachedDevice {
        // 3. Control ends.
        cellsByName[cell.name] = nil
        if !cell.uuid.isEmpty { cellsByUUID[cell.uuid] = nil }
        let lifecycle = device.disk.lifecycle
        lifecycle.note(.cellFromList)
        // 4. Device from cell.
        cell.device = nil
        lifecycle.note(.deviceFromCell)
        // 6. Device from disk: opens are rejected from here.
        device.disk.hashCell = nil
        lifecycle.note(.deviceFromDisk)
        return DetachedDevice(cell: cell, device: device)
    }
}
