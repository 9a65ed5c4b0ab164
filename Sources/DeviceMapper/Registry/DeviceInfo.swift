/// The state of a device at one moment: what the kernel's `__dev_status` fills in.
package struct DeviceInfo: Hashable, Sendable {
    package var name: ByteString
    /// Empty: none.
    package var uuid: ByteString
    package var number: DeviceNumber
    package var generation: UInt64
    /// Openers: handles and devices on top.
    package var openCount: UInt32
    package var eventNumber: UInt32
    /// Of the live table, or of the inactive one where that was asked for.
    package var targetCount: UInt32
    package var isSuspended: Bool
    /// Of the disk, or of the inactive table where that was asked for.
    package var isReadOnly: Bool
    package var hasLiveTable: Bool
    package var hasInactiveTable: Bool
    package var isDeferredRemove: Bool
    package var size: Sectors

    /// Under dm_sem.
    init(of cell: HashCell, _ device: MappedDevice, inactive: Bool = false) {
        let tables = device.tables
        let shown = inactive ? tables.inactive : tables.live
        name = cell.name
        uuid = cell.uuid
        number = device.disk.number
        generation = device.disk.generation
        openCount = cell.openCount
        eventNumber = device.events.current
        targetCount = UInt32(shown?.targetCount ?? 0)
        isSuspended = device.isSuspended
        isReadOnly = inactive ? shown?.isReadOnly ?? false : device.disk.isReadOnly
        hasLiveTable = tables.live != nil
        hasInactiveTable = tables.inactive != nil
        isDeferredRemove = cell.isDeferredRemove
        size = device.disk.capacity
    }
}
