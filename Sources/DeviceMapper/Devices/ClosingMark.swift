import Synchronization

/// What one opener's FLUSHes tell of a close that the kernel has not reported yet: RELEASE comes
/// after close(2) returned, but FLUSH comes before.
struct ClosingMark: ~Copyable {
    /// The number of the newest FLUSH among those of all openers; 0: none came, or the file was
    /// used after it, or it was waited for in vain.
    private let flush = Atomic<UInt64>(0)
    /// When it came: monotonic milliseconds.
    private let flushTime = Atomic<UInt64>(0)
    /// The FLUSH that somebody waited for who only looks at the open count.
    private let lookedAt = Atomic<UInt64>(0)

    private static let flushCount = Atomic<UInt64>(0)
    private static let overtakenMilliseconds: UInt64 = 100

    /// The number of the newest FLUSH of any opener.
    static var newestFlush: UInt64 { flushCount.load(ordering: .sequentiallyConsistent) }

    func noteFlush() {
        flushTime.store(Deadline.nowMilliseconds, ordering: .relaxed)
        let number = Self.flushCount.add(1, ordering: .sequentiallyConsistent).newValue
        flush.store(number, ordering: .sequentiallyConsistent)
    }

    /// A file that is used is not closed. But a read that was sent before the close, read-ahead for
    /// instance, may reach us after the FLUSH on another thread: what comes soon tells nothing.
    func noteUse() {
        let mark = flush.load(ordering: .relaxed)
        guard mark != 0 else { return }
        let age = Deadline.nowMilliseconds &- flushTime.load(ordering: .relaxed)
        guard age > Self.overtakenMilliseconds else { return }
        _ = flush.compareExchange(expected: mark, desired: 0, ordering: .relaxed)
    }

    /// Whether a close may be on its way that `wait` waits for.
    func isPending(_ wait: ClosingWait) -> Bool {
        let mark = flush.load(ordering: .sequentiallyConsistent)
        guard mark != 0 else { return false }
        return wait == .removal || lookedAt.load(ordering: .sequentiallyConsistent) != mark
    }

    /// Nobody closed in time after FLUSH number `newest` or an earlier one, so another descriptor is open. This
    /// FLUSH isn't waited for again; a later one may still be of a close.
    func noteWaited(_ wait: ClosingWait, since newest: UInt64) {
        let mark = flush.load(ordering: .sequentiallyConsistent)
        guard mark != 0, mark <= newest else { return }
        switch wait {
        case .look: lookedAt.store(mark, ordering: .sequentiallyConsistent)
        case .removal:
            _ = flush.compareExchange(
                expected: mark, desired: 0, ordering: .sequentiallyConsistent)
        }
    }
}

/// Who brings the closes of openers: for a mount, the session that the kernel's requests come to.
package protocol CloseReports: AnyObject, Sendable {
    /// Waits until each close that had been done before the call is known here, but for those of openers
    /// with a request under way, or until nobody waits for one any more, `isOver`. False: not before the
    /// deadline. With no lock held.
    func awaitCloses(until deadline: Deadline, or isOver: () -> Bool) -> Bool

    /// Whether a request of one of these openers isn't answered. They may be gone.
    func isServing(_ openers: [ObjectIdentifier]) -> Bool
}

/// Who waits for a close that the kernel has not reported yet. It does so late: after 2 µs in the
/// median, some ms at most, more on a machine that is short of processors.
enum ClosingWait {
    /// A removal: waits long, unless an opener is surely open, such as a device on top. A handle
    /// that it waited for in vain is not waited for again before its next FLUSH.
    case removal
    /// Whoever looks at open counts: waits for a moment, once for each FLUSH.
    case look

    var milliseconds: UInt32 {
        switch self {
        case .removal: 1000
        case .look: 50
        }
    }

    /// Under dm_sem: nothing is left to wait for.
    func isOver(for cell: HashCell) -> Bool {
        let pending = pending(of: cell).count
        return pending == 0 || self == .removal && pending < Int(cell.openCount)
    }

    /// Under dm_sem: the handles that may be closing.
    func pending(of cell: HashCell) -> [ObjectIdentifier] {
        cell.handles.filter { _, handle in
            handle._withUnsafeGuaranteedRef { $0.closing.isPending(self) }
        }
        .map(\.key)
    }
}
