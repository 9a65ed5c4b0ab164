import CLinux

/// What is written to a device may be waiting for memory that only writing it back makes free.
package enum MemoryPressure {
    /// Keeps this thread, and those that it starts, from waiting for such a write-back when they
    /// need memory themselves (`PR_SET_IO_FLUSHER`). False: CAP_SYS_RESOURCE is missing, or Linux
    /// is older than 5.6.
    @discardableResult
    package static func becomeFlusher() -> Bool { clinux_become_io_flusher() == 0 }

    /// Makes malloc(3) give back what is freed: large blocks at once, small ones when it is asked to
    /// (`IdleMemory`). For that all threads allocate from one arena: of the others glibc doesn't give
    /// back what is free at their end, and each would have 64 MiB of addresses. Before other threads
    /// are started.
    package static func prepareAllocation() {
        clinux_give_large_blocks_back()
        clinux_use_one_arena()
    }
}
