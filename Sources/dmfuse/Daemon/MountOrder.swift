import DeviceMapper
import Logging

/// What `dmfuse mount` was asked for.
struct MountOrder {
    /// Absolute.
    var directory: ByteString
    var threads: Int
    var allowOther: Bool
    var autoUnmount: Bool
    var logLevel: Logger.Level
    var tracesLifecycle = false

    /// Threads that take requests: with one alone a slow backing file would stop everything.
    static let threadRange = 2...64
}
