import SystemPackage

/// Openers: handles of users, and edges from devices that stand on others. The open count changes
/// under dm_sem, in one step with the check that the device is still there.
extension DeviceRegistry {
    /// Opens a device. ENXIO: that device, of that generation, is gone or being removed.
    package func open(minor: UInt32, generation: UInt64) throws(DMError) -> DeviceHandle {
        return try writing { (state) throws(DMError) in
            guard !state.isClosed, let disk = state.disks[minor], disk.generation == generation,
                let cell = disk.hashCell, let device = cell.device
            else { throw .noSuchDevice }
            cell.openCount += 1
            disk.wasOpened = true
            if cell.handles.isEmpty { disk.settings.blockSize = 0 }
            let handle = DeviceHandle(
                registry: self, device: device, cell: cell, isFirst: cell.handles.isEmpty)
            cell.handles[ObjectIdentifier(handle)] = Unmanaged.passUnretained(handle)
            return handle
        }
    }

    func close(_ handle: DeviceHandle) {
        let isLast = writing { _ -> Bool in
            handle.cell.handles[ObjectIdentifier(handle)] = nil
            return dropOpener(of: handle.cell)
        }
        if isLast { deferredRemovals.schedule(handle.cell, in: self) }
        closings.noteChange()
    }

    /// Whether a table of another device, live or inactive, stands on it.
    func isBelowAnother(_ device: MappedDevice) -> Bool {
        reading { !$0.edges.uppers(of: device).isEmpty }
    }

    /// Opens a lower mapped device for a table of `upper`: an opener and an edge in one step.
    /// ENXIO: no such device, or one that never had a table: the kernel makes its disk with the first
    /// that is loaded. EINVAL: a circle. ELOOP: too deep.
    func openLower(
        _ number: DeviceNumber, for upper: MappedDevice, writable: Bool
    ) throws(DMError) -> LowerDevice {
        let (lower, cell) = try writing { (state) throws(DMError) -> (MappedDevice, HashCell) in
            guard !state.isClosed, let cell = state.disks[number.minor]?.hashCell,
                let lower = cell.device, lower.disk.hasTable
            else { throw .noSuchDevice }
            if try state.edges.add(upper, over: lower, writable: writable) { cell.openCount += 1 }
            return (lower, cell)
        }
        return LowerDevice(
            kind: .mapped(lower), number: number, isWritable: writable,
            release: { [self] in closeLower(lower, cell, for: upper, writable: writable) })
    }

    private func closeLower(
        _ lower: MappedDevice, _ cell: HashCell, for upper: MappedDevice, writable: Bool
    ) {
        let isLast = writing { state -> Bool in
            guard state.edges.remove(upper, over: lower, writable: writable) else { return false }
            return dropOpener(of: cell)
        }
        if isLast { deferredRemovals.schedule(cell, in: self) }
    }

    /// Under dm_sem. True: it was the last opener of a device marked for deferred removal.
    private func dropOpener(of cell: HashCell) -> Bool {
        precondition(cell.openCount > 0, "a device was closed too often")
        cell.openCount -= 1
        return cell.openCount == 0 && cell.isDeferredRemove
    }

    // MARK: Closings under way

    /// Waits a bounded moment for handles that may be closing, of one device or of all, and for the
    /// deferred removals that follow. Before what shows open counts or the list. No lock held.
    package func awaitCloses(_ reference: DeviceReference?) {
        waitForClosings(reference, .look)
        deferredRemovals.finishScheduled(
            in: self, until: Deadline(millisecondsFromNow: ClosingWait.removal.milliseconds))
    }

    func waitForClosings(_ reference: DeviceReference?, _ wait: ClosingWait) {
        let newest = ClosingMark.newestFlush
        let deadline = Deadline(millisecondsFromNow: wait.milliseconds)
        let areOver = { [self] in
            reading { state in
                self.openings(reference, in: state).allSatisfy { wait.isOver(for: $0) }
            }
        }
        if areOver() { return }
        let reports = reading { $0.closeReports }
        if let reports, awaitCloses(reference, wait, reports, until: deadline, areOver) {
            // Whoever is left has it open.
            if areOver() { return }
        } else if closings.wait(until: deadline, areOver) {
            return
        }
        reading { state in
            for cell in self.openings(reference, in: state) {
                for handle in cell.handles.values {
                    handle._withUnsafeGuaranteedRef {
                        $0.closing.noteWaited(wait, since: newest)
                    }
                }
            }
        }
    }

    /// Waits for closes that were done before the call. An opener with a request under way closes only after its
    /// answer. False: the deadline passed.
    private func awaitCloses(
        _ reference: DeviceReference?, _ wait: ClosingWait, _ reports: any CloseReports,
        until deadline: Deadline, _ areOver: () -> Bool
    ) -> Bool {
        while true {
            let handles = reading { state in
                self.openings(reference, in: state).flatMap { wait.pending(of: $0) }
            }
            let isServing = reports.isServing(handles)
            guard reports.awaitCloses(until: deadline, or: areOver) else { return false }
            if !isServing || areOver() { return true }
            if closings.wait(until: deadline.orSooner(milliseconds: 5), areOver) { return true }
            if deadline.hasPassed { return false }
        }
    }

    /// Who knows what closes are on their way; nil at the end of its life. Takes dm_sem.
    package func attach(closeReports reports: (any CloseReports)?) {
        let old = writing { state -> (any CloseReports)? in
            defer { state.closeReports = reports }
            return state.closeReports
        }
        // Let go of here: no destructor runs under dm_sem.
        withExtendedLifetime(old) {}
    }

    private func openings(
        _ reference: DeviceReference?, in state: borrowing State
    ) -> [HashCell] {
        guard let reference else { return state.cellsByName.values.filter { $0.openCount > 0 } }
        guard let cell = try? cell(reference, in: state) else { return [] }
        return [cell]
    }

    // MARK: Interruption

    /// Takes the held parts of a request back, from a device and all below it.
    func withdrawDeferred(_ request: IORequest, below top: MappedDevice) -> [IORequest] {
        devicesBelow(top).flatMap { $0.withdraw(request) } + holdTimer.withdraw(request)
    }

    /// A device and all mapped devices below it at present, each once.
    func devicesBelow(_ top: MappedDevice) -> [MappedDevice] {
        var found = [top]
        var seen = Set([ObjectIdentifier(top)])
        var next = 0
        while next < found.count {
            for lower in found[next].tables.live?.lowerDevices ?? [] {
                if case .mapped(let below) = lower.kind,
                    seen.insert(ObjectIdentifier(below)).inserted
                {
                    found.append(below)
                }
            }
            next += 1
        }
        return found
    }
}
