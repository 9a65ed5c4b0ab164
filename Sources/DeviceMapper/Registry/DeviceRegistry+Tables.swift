import SystemPackage

/// Load, clear, suspend, resume, message: what changes a device's tables and state. Load and clear
/// take map_lock only, so they answer while the device is suspended or waits to be.
extension DeviceRegistry {
    /// Builds a table and puts it into the inactive slot. What stood there is destroyed; after an
    /// error it stays. Errors: as `TableBuilder.build`; EINVAL also: a lower device is too small,
    /// at the first load. ENXIO: no such device, or removed meanwhile. ENOMEM.
    package func load(
        _ reference: DeviceReference, lines: [TableLine], readOnly: Bool,
        resolver: any DeviceResolver
    ) throws(DMError) -> DeviceInfo {
        let device = try device(reference)
        try MemoryReserve.check(lines.count * TableBuilder.bytesOfLine, for: "a table")
        let table = try TableBuilder.build(
            lines, for: device, in: self, readOnly: readOnly, resolver: resolver)
        do {
            try device.checkMayReplaceLive(table)
            try device.putInactive(table)?.destroy()
        } catch {
            table.destroy()
            throw error
        }
        return try info(device)
    }

    /// Destroys the inactive table, if there is one. ENXIO.
    package func clear(_ reference: DeviceReference) throws(DMError) -> DeviceInfo {
        let device = try device(reference)
        device.takeInactive()?.destroy()
        return try info(device)
    }

    /// ENXIO, EINTR: see `MappedDevice.suspend`.
    package func suspend(
        _ reference: DeviceReference, _ flags: SuspendFlags = [], _ interrupt: Interrupt? = nil
    ) throws(DMError) -> DeviceInfo {
        let device = try device(reference)
        try device.suspend(flags, interrupt)
        return try info(device)
    }

    /// ENXIO, EINTR, EINVAL: see `MappedDevice.resume`.
    package func resume(
        _ reference: DeviceReference, _ flags: SuspendFlags = [], _ interrupt: Interrupt? = nil
    ) throws(DMError) -> DeviceInfo {
        let device = try device(reference)
        if let held = try device.resume(flags, interrupt) {
            dropCache(of: device, besides: held, interrupt)
        }
        return try info(device)
    }

    /// A message to the target at a sector, or, where the first word begins with "@", to the
    /// device. EINVAL: nobody takes it. ENXIO.
    package func message(
        _ reference: DeviceReference, sector: UInt64, words: [ByteString],
        _ interrupt: Interrupt? = nil
    ) throws(DMError) -> (info: DeviceInfo, reply: ByteString?) {
        let device = try device(reference)
        guard let first = words.first else {
            throw DMError(.invalidArgument, "Empty message received.")
        }
        if first.bytes.first == UInt8(ascii: "@") {
            guard first.lowercased == "@cancel_deferred_remove" else {
                throw DMError(
                    .invalidArgument, "Unsupported message sent to DM core: \(first.string)")
            }
            guard words.count == 1 else {
                throw DMError(.invalidArgument, "Invalid arguments for @cancel_deferred_remove")
            }
            try cancelDeferredRemove(device)
            return (try info(device), nil)
        }
        let reply = try device.withLiveTable { (table) throws(DMError) in
            try table.message(words, sector: sector, interrupt)
        }
        return (try info(device), reply)
    }

    /// ENXIO: removed meanwhile.
    private func info(_ device: MappedDevice) throws(DMError) -> DeviceInfo {
        try reading { (_) throws(DMError) in
            guard let cell = device.disk.hashCell else { throw .noSuchDevice }
            return DeviceInfo(of: cell, device)
        }
    }
}
