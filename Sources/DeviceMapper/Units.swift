/// A count of 512-byte sectors, the unit of every number in a table line, whatever the logical
/// block size of a device.
package struct Sectors: Hashable, Comparable, Sendable {
    /// The longest device that the kernel accepts (`dm_table_add_target`): 2^54 - 1 sectors, so
    /// that byte offsets fit in 63 bits.
    package static let maximum = Sectors(Limits.sectors)
    package static let size: UInt64 = 512
    package static let zero = Sectors(0)

    package var count: UInt64

    package init(_ count: UInt64) { self.count = count }

    /// Whole sectors in so many bytes: a trailing part of a sector does not count, as on a loop
    /// device.
    package init(wholeIn bytes: UInt64) { count = bytes / Sectors.size }

    /// The same in bytes. Defined for counts up to 2^55 - 1; a longer count saturates.
    package var bytes: UInt64 {
        let (value, overflow) = count.multipliedReportingOverflow(by: Sectors.size)
        return overflow ? UInt64.max : value
    }

    package static func < (left: Sectors, right: Sectors) -> Bool { left.count < right.count }
}
