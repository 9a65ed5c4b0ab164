/// Access to a mapped device from outside, by name, by uuid, or by opening its disk. Owns the
/// device while it is in the list, and leaves the list only when nobody has it open.
///
/// All fields are guarded by dm_sem.
final class HashCell: @unchecked Sendable {
    var name: ByteString
    /// Empty: none.
    var uuid: ByteString
    /// Nil until the device is registered, and once the cell was taken out of the list.
    var device: MappedDevice?
    /// Openers: handles, and edges from devices that stand on this one.
    var openCount: UInt32 = 0
    /// To be removed by the last close.
    var isDeferredRemove = false
    /// The handles among the openers.
    var handles: [ObjectIdentifier: Unmanaged<DeviceHandle>] = [:]

    private let lifecycle: Lifecycle

    /// Without a device yet.
    init(name: ByteString, uuid: ByteString, lifecycle: Lifecycle) {
        self.name = name
        self.uuid = uuid
        self.lifecycle = lifecycle
        lifecycle.note(.cellAllocated)
    }

    deinit { lifecycle.note(.cellFreed) }
}
