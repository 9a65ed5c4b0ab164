import Glibc
import Synchronization
import SystemPackage

/// How long a backing store takes for a part of a request, on the whole, lately.
///
/// Parts for a store that answers out of memory are done one after another where they are: handing
/// one to another thread takes longer than the copy. Parts for one that takes its time run side by
/// side. A store is slow until it has shown otherwise.
struct Pace: ~Copyable {
    /// A part that takes so much longer than a copy is worth a thread.
    private static let slowNanoseconds: Int64 = 100_000
    /// What copying takes where others copy, too.
    private static let bytesPerNanosecond = 2

    /// A running mean. Several threads may lose each other's update, which does no harm.
    private let mean = Atomic<Int64>(2 * slowNanoseconds)

    var isSlow: Bool { mean.load(ordering: .relaxed) > Pace.slowNanoseconds }

    /// A call that moves so many bytes.
    func measure(_ bytes: Int, _ call: () -> Errno?) -> Errno? {
        let begin = Pace.now
        let error = call()
        note(nanoseconds: Pace.now - begin - Int64(bytes / Pace.bytesPerNanosecond))
        return error
    }

    /// One slow call counts at once: a store that became slow makes one request wait, not ten.
    func note(nanoseconds: Int64) {
        let old = mean.load(ordering: .relaxed)
        let taken = min(max(nanoseconds, 0), 100 * Pace.slowNanoseconds)
        mean.store(taken > old ? (old + taken) / 2 : old + (taken - old) / 8, ordering: .relaxed)
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
