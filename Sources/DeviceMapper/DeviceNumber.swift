/// A block device's major and minor number.
package struct DeviceNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: UInt32
    package var minor: UInt32

    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// The kernel's `huge_decode_dev`, the inverse of `encoded`.
    package init(encoded: UInt64) {
        major = UInt32(truncatingIfNeeded: (encoded & 0xfff00) >> 8)
        minor = UInt32(truncatingIfNeeded: (encoded & 0xff) | ((encoded >> 12) & 0xffff_ff00))
    }

    /// The kernel's `huge_encode_dev`: minor's low 8 bits, 12 bits of major, the rest of minor.
    package var encoded: UInt64 {
        UInt64(minor & 0xff) | UInt64(major & 0xfff) << 8 | UInt64(minor & ~0xff) << 12
    }

    /// What `stat(2)` reports in `st_rdev` and `st_dev` (glibc's `gnu_dev_major`, `gnu_dev_minor`).
    package init(statDevice device: UInt64) {
        major = UInt32(truncatingIfNeeded: ((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000))
        minor = UInt32(truncatingIfNeeded: (device & 0xff) | ((device >> 12) & 0xffff_ff00))
    }

    package static func < (left: DeviceNumber, right: DeviceNumber) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    /// As the kernel prints it in tables: "254:0".
    package var description: String { "\(major):\(minor)" }
}
