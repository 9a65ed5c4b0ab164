import Glibc

/// What the clock on the wall says, for the times that `stat` shows.
package enum RealTime {
    /// In nanoseconds since 1970.
    package static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
