/// `flags` of `struct dm_ioctl`, in both directions. Bits that have no name here are the client's
/// own and come back as they were.
package struct DMFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// In: load a read-only table. Out: the table (or, of a live one, the disk) is read-only.
    package static let readOnly = DMFlags(rawValue: 1 << 0)
    /// In: suspend, not resume. Out: the device is suspended.
    package static let suspend = DMFlags(rawValue: 1 << 1)
    /// libdevmapper's private bit (`DM_EXISTS_FLAG`): it expects back what it sent.
    package static let exists = DMFlags(rawValue: 1 << 2)
    /// In: `dev` names the minor to create.
    package static let persistentDevice = DMFlags(rawValue: 1 << 3)
    /// In: the table's lines, not their status.
    package static let statusTable = DMFlags(rawValue: 1 << 4)
    package static let activePresent = DMFlags(rawValue: 1 << 5)
    package static let inactivePresent = DMFlags(rawValue: 1 << 6)
    /// Out: the buffer is too small; grow it and call again. The call itself succeeds.
    package static let bufferFull = DMFlags(rawValue: 1 << 8)
    package static let skipLockFS = DMFlags(rawValue: 1 << 10)
    package static let noflush = DMFlags(rawValue: 1 << 11)
    package static let queryInactiveTable = DMFlags(rawValue: 1 << 12)
    /// Out: udev will complete the cookie. Never set here: there are no uevents, and the library
    /// completes its cookie itself when the bit is missing.
    package static let ueventGenerated = DMFlags(rawValue: 1 << 13)
    /// In: the uuid, not the name, is renamed; list uuids too.
    package static let uuid = DMFlags(rawValue: 1 << 14)
    /// In: wipe the request wherever it was.
    package static let secureData = DMFlags(rawValue: 1 << 15)
    /// Out: a message answered with text.
    package static let dataOut = DMFlags(rawValue: 1 << 16)
    /// In: remove on last close. Out: that is going to happen.
    package static let deferredRemove = DMFlags(rawValue: 1 << 17)
    package static let internalSuspend = DMFlags(rawValue: 1 << 18)
    package static let imaMeasurement = DMFlags(rawValue: 1 << 19)
}
