import SystemPackage

/// The end of the daemon. The kernel's counterpart is `dm_hash_exit`, which removes every device,
/// open or not.
extension DeviceRegistry {
    /// From here on nothing is created or opened. EBUSY, and nothing is changed, when a handle is
    /// open and not `force`; the message names the devices. With `force` held requests fail EIO,
    /// now and from here on.
    package func beginShutdown(force: Bool) throws(DMError) {
        if !force { waitForClosings(nil, .removal) }
        let devices = try writing { (state) throws(DMError) -> [MappedDevice] in
            let busy = state.cellsByName.values.filter { !$0.handles.isEmpty }
            guard busy.isEmpty || force else {
                throw DMError(
                    .resourceBusy,
                    "in use: " + busy.map(\.name).sorted().map(\.string).joined(separator: ", "))
            }
            state.isClosed = true
            // In an order that is the same each time, so that a schedule of this can be run again.
            return state.cellsByName.values.compactMap(\.device)
                .sorted { $0.disk.number < $1.disk.number }
        }
        for device in devices { device.refuseRequests(forAll: false) }
        holdTimer.shut()
    }

    /// Waits a bounded time until no handle is open: clients of failed requests close their files.
    package func waitUntilClosed(milliseconds: UInt32) {
        _ = closings.wait(until: Deadline(millisecondsFromNow: milliseconds)) {
            reading { state in state.cellsByName.values.allSatisfy(\.handles.isEmpty) }
        }
    }

    /// Waits until what was under way at `beginShutdown` is done: what comes later is refused before it
    /// reaches a table. Waits for backing files, which may stand on devices of this registry: so those
    /// must still be served, which refuses.
    package func waitUntilIdle() {
        let devices = reading { state in state.cellsByName.values.compactMap(\.device) }
        // Without an interrupt it doesn't throw.
        for device in devices { try? device.disk.queue.waitUntilIdle(nil) }
    }

    /// Removes everything in the seed's order, upper devices before lower ones; backing files are
    /// flushed before they are closed. After `beginShutdown`. Handles that are still open stay
    /// valid until they are closed, and give EIO.
    package func finishShutdown() {
        while let detached = detachOneOnTop() { finishRemoval(of: detached) }
        // Others may be removing devices too, and need the I/O threads for that.
        removals.waitUntil { reading { $0.disks.isEmpty } }
        holdTimer.stop()
        computeWorkers.stop()
        workers.stop()
    }

    /// Under dm_sem: takes a device out that no registered one stands on. A load that is under way
    /// for a device that is gone may hold it open: it will come too late.
    private func detachOneOnTop() -> DetachedDevice? {
        writing { state in
            for cell in state.cellsByName.values {
                guard let device = cell.device,
                    state.edges.uppers(of: device).allSatisfy({ $0.disk.hashCell == nil })
                else { continue }
                return state.detach(cell, device)
            }
            return nil
        }
    }
}
