import Glibc

/// Flags of open(2) that glibc declares for GNU sources only, as the architectures that Swift runs on
/// have them.
package enum OpenFlags {
    /// O_PATH
    package static let path: CInt = 0o10000000
}
