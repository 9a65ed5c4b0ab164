import DeviceMapper
import Synchronization

/// Why the daemon ends. The first reason counts; the main thread waits for it.
final class Ending: @unchecked Sendable {
    enum Reason: Equatable {
        case signal(Int32)
        /// A client asked for it, and everything is done already.
        case unmounted
        /// The file system was unmounted by other means, or the connection broke.
        case sessionEnded
    }

    // @unchecked: guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "Ending.lock")
    private let changed = Condition()
    private var reason: Reason?
    /// A client's unmount is at work: it ends the session, which is then no reason of its own.
    private var isUnmounting = false

    /// While a client's unmount is at work, other reasons wait for how it ends.
    func finish(_ reason: Reason) {
        lock.withLock {
            if reason == .unmounted {
                self.reason = reason
                isUnmounting = false
            } else if self.reason == nil {
                self.reason = reason
            }
            changed.broadcast()
        }
    }

    func wait() -> Reason {
        lock.withLock {
            while true {
                if let reason, !isUnmounting { return reason }
                changed.wait(lock)
            }
        }
    }

    /// False: the daemon is ending, or another client's unmount is at work.
    func beginUnmount() -> Bool {
        lock.withLock {
            guard reason == nil, !isUnmounting else { return false }
            isUnmounting = true
            return true
        }
    }

    /// It failed. The mount lives on, unless another reason to end came meanwhile.
    func abandonUnmount() {
        lock.withLock {
            isUnmounting = false
            changed.broadcast()
        }
    }
}
