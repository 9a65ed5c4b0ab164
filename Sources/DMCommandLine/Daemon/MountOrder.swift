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
    /// Bytes of memory for the bytes of held writes.
    var heldMemory: Int
    /// Whether backing files are locked against other daemons.
    var locksFiles: Bool

    /// Threads that take requests: with one alone a slow backing file would stop everything.
    static let threadRange = 2...64
    /// MiB of held writes' bytes in memory; with 0 all of them are spilled.
    static let heldMemoryRange = 0...(1 << 20)
}
