#if DEBUG
    /// The core without one of the seed's patches, for the tests that must find out. Each function
    /// does what the code before that patch did, and nothing else calls it.
    extension DeviceRegistry {
        /// Patch 1: the list and the count have a lock each.
        func openWithTwoLocks(minor: UInt32, generation: UInt64) throws(DMError) -> DeviceHandle {
            let (cell, device) = try reading {
                (state) throws(DMError) -> (HashCell, MappedDevice) in
                guard let disk = state.disks[minor], disk.generation == generation,
                    let cell = disk.hashCell, let device = cell.device
                else { throw .noSuchDevice }
                return (cell, device)
            }
            return countLock.withLock {
                cell.openCount += 1
                let handle = DeviceHandle(
                    registry: self, device: device, cell: cell, isFirst: cell.handles.isEmpty)
                cell.handles[ObjectIdentifier(handle)] = Unmanaged.passUnretained(handle)
                return handle
            }
        }

        /// Nil: the removal stands as it is.
        func removeUndone(_ reference: DeviceReference) throws(DMError) -> RemoveOutcome? {
            guard let undone else { return nil }
            switch undone {
            case .oneLock:
                let cell = try reading { (state) throws(DMError) in
                    try self.cell(reference, in: state)
                }
                let isOpen = countLock.withLock { cell.openCount > 0 }
                if isOpen { throw DMError(.resourceBusy) }
                return try detachAndFinish { (_) throws(DMError) in cell }
            case .putAfterUnlock:
                return try detachAndFinish(puttingTables: true) { (state) throws(DMError) in
                    let cell = try self.cell(reference, in: state)
                    guard cell.openCount == 0 else { throw DMError(.resourceBusy) }
                    return cell
                }
            case .openCountInCell:
                return try detachAndFinish { (state) throws(DMError) in
                    try self.cell(reference, in: state)
                }
            case .referencedLookup:
                return nil
            case .inactiveTableInDevice:
                var found: HashCell?
                let outcome = try detachAndFinish { (state) throws(DMError) in
                    let cell = try self.cell(reference, in: state)
                    found = cell
                    return cell
                }
                // Without map_lock and closed slots nothing tells a load that it comes too late.
                writing { _ -> Table? in
                    defer { found?.newTable = nil }
                    return found?.newTable
                }?.destroy()
                return outcome
            }
        }

        private func detachAndFinish(
            puttingTables: Bool = false, _ find: (borrowing State) throws(DMError) -> HashCell
        ) throws(DMError) -> RemoveOutcome {
            let (detached, info) = try writing {
                (state) throws(DMError) -> (DetachedDevice, DeviceInfo) in
                let cell = try find(state)
                guard let device = cell.device else { throw .noSuchDevice }
                let info = DeviceInfo(of: cell, device)
                let detached = state.detach(cell, device)
                if puttingTables { for table in device.unbind() { table.destroy() } }
                return (detached, info)
            }
            finishRemoval(of: detached)
            return .removed(info)
        }

        /// Patch 4: what is found is not held, so it can be freed before it is used.
        func unreferencedDevice(_ reference: DeviceReference) throws(DMError) -> MappedDevice {
            weak var found: MappedDevice?
            do {
                found = try reading { (state) throws(DMError) -> MappedDevice? in
                    try self.cell(reference, in: state).device
                }
            }
            Seam.step("looked up, not held")
            guard let found else {
                Seam.current?.report("a device that was freed is used")
                throw .noSuchDevice
            }
            return found
        }

        /// Patch 5: the inactive table goes to the hash cell, which may have left the list.
        func loadIntoCell(
            _ reference: DeviceReference, lines: [TableLine], readOnly: Bool,
            resolver: any DeviceResolver
        ) throws(DMError) -> DeviceInfo {
            let (cell, device, info) = try reading {
                (state) throws(DMError) -> (HashCell, MappedDevice, DeviceInfo) in
                let cell = try self.cell(reference, in: state)
                guard let device = cell.device else { throw .noSuchDevice }
                return (cell, device, DeviceInfo(of: cell, device))
            }
            let table = try TableBuilder.build(
                lines, for: device, in: self, readOnly: readOnly, resolver: resolver)
            // Whoever finds it in a cell that left the list reports it; its own traps come too
            // late.
            _ = Unmanaged.passRetained(table)
            let old = writing { _ -> Table? in
                defer { cell.newTable = table }
                return cell.newTable
            }
            old?.destroy()
            return info
        }
    }
#endif
