import CLinux
import Glibc

/// What is written to a device may be waiting for memory that only writing it back makes free.
package enum MemoryPressure {
    /// Keeps this thread, and those that it starts, from waiting for such a write-back when they
    /// need memory themselves (`PR_SET_IO_FLUSHER`). False: CAP_SYS_RESOURCE is missing, or Linux
    /// is older than 5.6.
    @discardableResult
    package static func becomeFlusher() -> Bool { clinux_become_io_flusher() == 0 }

    /// Where there is a limit of addresses (RLIMIT_AS): keeps malloc(3) from setting 64 MiB of them
    /// apart for each thread. Before other threads are started.
    package static func saveAddresses() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
            limit.rlim_cur != rlim_t.max
        else { return }
        clinux_use_one_arena()
    }
}
