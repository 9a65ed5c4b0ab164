import CLinux

/// What is written to a device may be waiting for memory that only writing it back makes free.
package enum MemoryPressure {
    /// Keeps this thread, and those that it starts, from waiting for such a write-back when they
    /// need memory themselves (`PR_SET_IO_FLUSHER`). False: CAP_SYS_RESOURCE is missing, or Linux
    /// is older than 5.6.
    @discardableResult
    package static func becomeFlusher() -> Bool { clinux_become_io_flusher() == 0 }
}
