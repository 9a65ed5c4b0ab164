import Synchronization

/// Where a pooled request stands between the thread that completes it and one that interrupts it.
///
/// Completion answers the kernel and gives the object back to the pool; an interruption may come at
/// that very moment, and must not meet the next request in the same object. So it is noted first,
/// under the kernel's number of the request, which no other ever has; and while somebody cancels the
/// request, it is that thread that gives it back.
struct RequestState: ~Copyable {
    /// The token of the request, a multiple of 8, and flags. 0: not in use.
    private let word = Atomic<UInt>(0)

    private static let interrupted: UInt = 1
    private static let pinned: UInt = 2
    private static let finished: UInt = 4
    private static let flags: UInt = 7

    /// Of a request by the kernel's number, which counts up from 1 while a connection lives. Not by an
    /// address: it may have been interrupted and answered, and what came to its place be interrupted,
    /// before anybody looks at the first interruption again.
    static func token(_ number: UInt64) -> UInt { UInt(truncatingIfNeeded: number << 3) }

    /// A request begins, by its token.
    func begin(_ token: UInt) {
        precondition(token != 0 && token & RequestState.flags == 0, "a token out of line")
        word.store(token, ordering: .releasing)
    }

    /// Notes that the request shall end. False: it has ended, or this is noted already.
    func interrupt(_ token: UInt) -> Bool {
        word.compareExchange(
            expected: token, desired: token | RequestState.interrupted,
            ordering: .acquiringAndReleasing
        )
        .exchanged
    }

    /// The same for whatever request it is. Its token; nil: there is none.
    func interruptAny() -> UInt? {
        let token = word.load(ordering: .acquiring) & ~RequestState.flags
        guard token != 0 else { return nil }
        _ = interrupt(token)
        return token
    }

    /// Whether it is here, interrupted and not answered.
    func isInterrupted(_ token: UInt) -> Bool {
        word.load(ordering: .acquiring) == token | RequestState.interrupted
    }

    /// Keeps an interrupted request from going back to the pool. False: it is not here any more, or
    /// kept by somebody else.
    func pin(_ token: UInt) -> Bool {
        word.compareExchange(
            expected: token | RequestState.interrupted,
            desired: token | RequestState.interrupted | RequestState.pinned,
            ordering: .acquiringAndReleasing
        )
        .exchanged
    }

    /// True: it has finished meanwhile, and the caller gives it back to the pool.
    func unpin() -> Bool {
        let value = word.bitwiseAnd(~RequestState.pinned, ordering: .acquiringAndReleasing).oldValue
        return value & RequestState.finished != 0
    }

    /// The request was answered. True: the caller gives it back to the pool.
    func finish() -> Bool {
        let value = word.bitwiseOr(RequestState.finished, ordering: .acquiringAndReleasing).oldValue
        return value & RequestState.pinned == 0
    }

    /// Before it goes back to the pool.
    func clear() { word.store(0, ordering: .releasing) }
}
