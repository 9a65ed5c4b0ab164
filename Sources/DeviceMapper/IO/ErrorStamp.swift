package import SystemPackage
import Synchronization

/// When a write-back error was found, and which: the role of the kernel's `errseq_t`.
///
/// All stamps come from one clock, so that an opener needs to remember only the newest that it has
/// seen, whatever devices its table leads to, now or after a swap. Zero: no error yet.
package struct ErrorStamp: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let none = ErrorStamp(rawValue: 0)

    /// The errno of the error; nil for `none`.
    package var errno: Errno? {
        let code = Int32(truncatingIfNeeded: rawValue & 0xfff)
        return code == 0 ? nil : Errno(rawValue: code)
    }

    package static func < (left: ErrorStamp, right: ErrorStamp) -> Bool {
        left.rawValue < right.rawValue
    }

    private static let clock = Atomic<UInt64>(0)

    /// The stamp of an error found now. Linux's errnos fit in 12 bits (MAX_ERRNO is 4095).
    static func next(_ errno: Errno) -> ErrorStamp {
        let sequence = clock.add(1, ordering: .sequentiallyConsistent).newValue
        return ErrorStamp(rawValue: sequence << 12 | UInt64(errno.rawValue & 0xfff))
    }

    /// A stamp newer than every error found so far: what a new opener has seen.
    static func now() -> ErrorStamp {
        ErrorStamp(rawValue: clock.load(ordering: .sequentiallyConsistent) << 12 | 0xfff)
    }
}
