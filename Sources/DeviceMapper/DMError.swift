package import SystemPackage

/// Why a command, a table line or a request was refused.
///
/// `errno` is what a caller of the kernel's device-mapper would see; `message` is what the kernel
/// would have logged, without its "device-mapper: " prefix, and may be empty.
package struct DMError: Error, Sendable, Equatable {
    package var errno: Errno
    package var message: String

    package init(_ errno: Errno, _ message: String = "") {
        self.errno = errno
        self.message = message
    }

    /// ENXIO: no device has that name, uuid or number, or it is being removed.
    package static var noSuchDevice: DMError { DMError(.noSuchAddressOrDevice) }

    /// EINTR: the caller gave up while the call blocked.
    package static var interrupted: DMError { DMError(.interrupted) }
}
