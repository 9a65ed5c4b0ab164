/// The numbers that docs/limits.md promises, in its order. A test holds the page and these together.
package enum Limits {
    /// Bytes of a device's name and of its uuid, without the NUL (DM_NAME_LEN, DM_UUID_LEN).
    package static let nameBytes = 127
    package static let uuidBytes = 128
    /// Lines of a table (`DM_MAX_TARGETS`).
    package static let targetsOfTable = 1 << 20
    /// Devices: the kernel's minors have 20 bits.
    static let minors = 1 << 20
    /// Mapped devices one on another: a request goes down by calls, so a thread's stack bounds it.
    static let stackedDevices = 32
    /// Sectors of a device, of 512 bytes: its bytes are counted in 63 bits.
    package static let sectors: UInt64 = 1 << 54 - 1
    /// Bytes of held writes in memory, unless the mount says otherwise; and those on their way into the spill
    /// file, whatever it says.
    package static let heldBytes = 64 << 20
    static let heldBytesInTransit = 16 << 20
    /// Mapped windows of backing files, and their bytes: a window begins at a multiple of these.
    static let fileWindows = 256
    static let fileWindowBytes: UInt64 = 64 << 20
    /// Parts of all requests at once; beyond these each request waits for its own before it is cut further, but
    /// for a few.
    static let parts = 1024
    static let partsOfOneBeyond = 4
    /// Bytes of memory that are left for what can't be refused.
    static let reservedBytes = 8 << 20
    /// Bytes of a line of the log: rsyslog takes no more of a message by default.
    package static let logLineBytes = 8192
    /// Links and directories of users in the mount, and the bytes of their names and targets.
    package static let userLinks = 65_536
    package static let userLinkBytes = 8 << 20
    /// Bytes that open directories and texts keep of what they list.
    package static let listingBytes = 64 << 20
    /// Devices with a BLKFLSBUF under way.
    package static let bufferFlushes = 64
}
