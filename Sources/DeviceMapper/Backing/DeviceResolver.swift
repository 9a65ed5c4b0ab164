/// What a word of a table line leads to.
package enum ResolvedDevice {
    /// A mapped device of ours.
    case mapped(minor: UInt32)
    /// A backing device, taken for one table: `release` it when the table is done.
    case backing(BackingDevice)
}

/// Finds the device that a word of a table line names.
package protocol DeviceResolver: Sendable {
    /// Called with no lock held; may block on the file system. ENODEV: nothing there, or nothing
    /// that can be mapped to. ENXIO: no device has that number. EOVERFLOW: none can have. EACCES,
    /// EROFS: not writable.
    /// EBUSY: in use by others. The message says more, or is empty.
    func resolve(_ word: ByteString, writable: Bool) throws(DMError) -> ResolvedDevice
}
