package import DeviceMapper

/// What the head of a reply says about a device (`__dev_status`).
package struct DeviceStatus: Hashable, Sendable {
    package var name: ByteString
    /// Empty: none. After a rename: what was sent, the kernel leaves it.
    package var uuid: ByteString
    /// Zero after a remove, which reports no device.
    package var number: DeviceNumber
    package var openCount: Int32
    package var eventNumber: UInt32
    /// Lines of the live table, or of the inactive one if that was asked for.
    package var targetCount: UInt32
    package var flags: DMFlags

    package init(_ head: DMIoctl) {
        name = head.name
        uuid = head.uuid
        number = DeviceNumber(encoded: head.device)
        openCount = head.openCount
        eventNumber = head.eventNumber
        targetCount = head.targetCount
        flags = head.flags
    }

    package var isSuspended: Bool { flags.contains(.suspend) }
    package var isReadOnly: Bool { flags.contains(.readOnly) }
    package var hasLiveTable: Bool { flags.contains(.activePresent) }
    package var hasInactiveTable: Bool { flags.contains(.inactivePresent) }
    package var isRemovalDeferred: Bool { flags.contains(.deferredRemove) }
}
