import Synchronization

/// The write-back errors that one place knows of: a backing device its own, a mapped device those of
/// tables that are gone and of writes through its page cache. A flush that passes takes them along to its
/// opener.
struct WriteBackErrors: ~Copyable {
    /// The newest (`ErrorStamp`), 0: none.
    private let newest = Atomic<UInt64>(0)
    /// The newest that no opener was told of yet, 0: none.
    private let unreported = Atomic<UInt64>(0)

    func record(newest: ErrorStamp, unreported: ErrorStamp) {
        _ = self.unreported.max(unreported.rawValue, ordering: .sequentiallyConsistent)
        _ = self.newest.max(newest.rawValue, ordering: .sequentiallyConsistent)
    }

    /// Gives the request the newest error; its opener knows whether it has seen that. A flush of our own leaves
    /// the error unreported, an opener's takes it.
    func tell(_ request: IORequest) {
        let stamp = newest.load(ordering: .sequentiallyConsistent)
        guard stamp != 0 else { return }
        request.noteStamp(stamp)
        guard unreported.load(ordering: .sequentiallyConsistent) != 0 else { return }
        request.noteUnreported(
            request.handle == nil
                ? unreported.load(ordering: .sequentiallyConsistent)
                : unreported.exchange(0, ordering: .sequentiallyConsistent))
    }
}
