/// The inode number of something in the mount: fixed by minor and generation, so that a daemon
/// that takes over after another knows what the kernel means.
package struct NodeNumber: Hashable, Sendable, RawRepresentable {
    package enum Kind: Hashable, Sendable {
        case root, mapperDirectory, controlLink
        /// The file of a device, or the link to it in the mapper directory.
        case device(minor: UInt32, generation: UInt64)
        case link(minor: UInt32, generation: UInt64)
    }

    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The low 20 bits are the minor, two bits tell what it is, the rest is the generation, which
    /// starts at 1: no device collides with the three fixed numbers.
    package init(_ kind: Kind) {
        switch kind {
        case .root: rawValue = 1
        case .mapperDirectory: rawValue = 2
        case .controlLink: rawValue = 3
        case .device(let minor, let generation):
            rawValue = generation << 22 | UInt64(minor & 0xf_ffff)
        case .link(let minor, let generation):
            rawValue = generation << 22 | 1 << 20 | UInt64(minor & 0xf_ffff)
        }
    }

    /// Nil: no number that was ever given out.
    package var kind: Kind? {
        let generation = rawValue >> 22
        let minor = UInt32(truncatingIfNeeded: rawValue & 0xf_ffff)
        switch (rawValue, (rawValue >> 20) & 3) {
        case (1, _): return .root
        case (2, _): return .mapperDirectory
        case (3, _): return .controlLink
        case (_, 0) where generation > 0: return .device(minor: minor, generation: generation)
        case (_, 1) where generation > 0: return .link(minor: minor, generation: generation)
        default: return nil
        }
    }

    /// The minor of the device that it is the file of.
    var minor: UInt32? {
        if case .device(let minor, _) = kind { return minor }
        return nil
    }
}
