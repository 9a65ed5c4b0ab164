/// The inode number of something in the mount: fixed by minor and generation, so that a daemon
/// that takes over after another knows what the kernel means.
package struct NodeNumber: Hashable, Sendable, RawRepresentable {
    /// What it is the number of.
    package enum Kind: Hashable, Sendable {
        case root, mapperDirectory, controlLink
        /// The file of a device, or the link to it in the mapper directory.
        case device(minor: UInt32, generation: UInt64)
        case link(minor: UInt32, generation: UInt64)
        /// DIR/block, and what is below it.
        case blockDirectory
        /// DIR/proc and the files in it.
        case procDirectory, partitions, diskStatistics
        /// The directory of a device there, and the files and directories in it: by their place in a
        /// list that the file system has.
        case blockItem(minor: UInt32, generation: UInt64, item: UInt8)
        /// A link in `slaves` of a mapped device, to what it stands on.
        case slave(of: UInt32, DeviceNumber)
        /// A link in `holders` of a device, to a mapped device that stands on it.
        case holder(of: DeviceNumber, UInt32)
        /// The directory there of a device that isn't ours, and `holders` in it.
        case other(DeviceNumber)
        case otherHolders(DeviceNumber)
        /// A link or directory that a user made, by a number that no other gets: see `nextUserItem`.
        case userItem(UInt64)
    }

    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The low 20 bits are a minor, two bits tell what it is, and the rest is as `rest` has it: for
    /// devices the generation, which starts at 1, so that none collides with the fixed numbers.
    package init(_ kind: Kind) {
        switch kind {
        case .root: self.init(rawValue: 1)
        case .mapperDirectory: self.init(rawValue: 2)
        case .controlLink: self.init(rawValue: 3)
        case .blockDirectory: self.init(rawValue: 4)
        case .procDirectory: self.init(rawValue: 5)
        case .partitions: self.init(rawValue: 6)
        case .diskStatistics: self.init(rawValue: 7)
        case .device(let minor, let generation):
            self.init(minor, .device, rest: generation)
        case .link(let minor, let generation):
            self.init(minor, .link, rest: generation)
        case .blockItem(let minor, let generation, let item):
            self.init(minor, .blockItem, rest: generation << 8 | UInt64(item))
        case .slave(let minor, let number):
            self.init(minor, .number, rest: NodeNumber.rest(.slave, number))
        case .holder(let number, let minor):
            self.init(minor, .number, rest: NodeNumber.rest(.holder, number))
        case .other(let number):
            self.init(0, .number, rest: NodeNumber.rest(.other, number))
        case .otherHolders(let number):
            self.init(0, .number, rest: NodeNumber.rest(.otherHolders, number))
        case .userItem(let item):
            self.init(0, .number, rest: NodeNumber.userItems | item)
        }
    }

    /// The two bits.
    private enum Sort: UInt64 { case device, link, blockItem, number }

    /// What goes by a device's number and a minor, without a generation: the kernel keeps nothing of
    /// these, so they are looked up anew each time.
    private enum ByNumber: UInt64 { case slave, holder, other, otherHolders }

    /// The highest bit, which no other number has, and then the number of a user's item, from 1 on.
    private static let userItems: UInt64 = 1 << 41

    /// The number for the item that is made next. There are so many that none comes twice.
    package static func nextUserItem(after item: UInt64) -> UInt64 {
        max(1, (item + 1) & (userItems - 1))
    }

    private init(_ minor: UInt32, _ sort: Sort, rest: UInt64) {
        rawValue = rest << 22 | sort.rawValue << 20 | UInt64(minor & 0xf_ffff)
    }

    /// Above the two bits: two more, 20 of a minor, 12 of a major.
    private static func rest(_ what: ByNumber, _ number: DeviceNumber) -> UInt64 {
        UInt64(number.major & 0xfff) << 22 | UInt64(number.minor & 0xf_ffff) << 2 | what.rawValue
    }

    /// Nil: no number that was ever given out.
    package var kind: Kind? {
        let rest = rawValue >> 22
        let minor = UInt32(truncatingIfNeeded: rawValue & 0xf_ffff)
        switch (rawValue, Sort(rawValue: (rawValue >> 20) & 3)) {
        case (1, _): return .root
        case (2, _): return .mapperDirectory
        case (3, _): return .controlLink
        case (4, _): return .blockDirectory
        case (5, _): return .procDirectory
        case (6, _): return .partitions
        case (7, _): return .diskStatistics
        case (_, .device) where rest > 0: return .device(minor: minor, generation: rest)
        case (_, .link) where rest > 0: return .link(minor: minor, generation: rest)
        case (_, .blockItem) where rest >> 8 > 0:
            return .blockItem(
                minor: minor, generation: rest >> 8, item: UInt8(truncatingIfNeeded: rest))
        case (_, .number): return NodeNumber.kind(minor, rest: rest)
        default: return nil
        }
    }

    private static func kind(_ minor: UInt32, rest: UInt64) -> Kind? {
        if rest & userItems != 0 {
            let item = rest & (userItems - 1)
            return minor == 0 && item > 0 ? .userItem(item) : nil
        }
        let number = DeviceNumber(
            major: UInt32(truncatingIfNeeded: rest >> 22 & 0xfff),
            minor: UInt32(truncatingIfNeeded: rest >> 2 & 0xf_ffff))
        switch ByNumber(rawValue: rest & 3) {
        case .slave: return .slave(of: minor, number)
        case .holder: return .holder(of: number, minor)
        case .other: return .other(number)
        case .otherHolders: return .otherHolders(number)
        case nil: return nil
        }
    }

    /// The minor of the device that it is the file of.
    var minor: UInt32? {
        if case .device(let minor, _) = kind { return minor }
        return nil
    }
}
