/// A version of the interface or of a target: major, minor, patch level.
package struct InterfaceVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: UInt32
    package var minor: UInt32
    package var patch: UInt32

    package init(_ major: UInt32, _ minor: UInt32, _ patch: UInt32) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// What we speak: the interface of Linux 6.1.
    package static let driver = InterfaceVersion(4, 47, 0)

    /// What our own client asks for: everything it uses has been there since the beginning, or is
    /// ignored by what is older.
    package static let minimum = InterfaceVersion(4, 0, 0)

    package static func < (left: InterfaceVersion, right: InterfaceVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    package var description: String { "\(major).\(minor).\(patch)" }
}
