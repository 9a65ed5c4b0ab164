import DeviceMapper

/// What open directories and texts keep of what they list, in bytes: bounded for all together, since with
/// `--allow-other` another user may open as many as he likes. Beyond the bound what was kept first is let
/// go, whoever keeps it: its reader makes it anew. So nobody can take the room that others need now. One
/// alone may be larger.
final class KeptMemory: @unchecked Sendable {
    // @unchecked: the mutable state, and that of the places, is guarded by `lock`.

    /// What one reader keeps, or nothing. He lets it go at his own end: what is kept is in a list, which
    /// holds its places.
    final class Place: @unchecked Sendable {
        fileprivate var content: (any Sendable)?
        fileprivate var bytes = 0
        fileprivate var older: Place?
        fileprivate var newer: Place?
    }

    private let limit: Int
    /// Leaf. What was kept is destroyed outside of it.
    private let lock = Lock(rank: .leaf, name: "KeptMemory.lock")
    private var used = 0
    private var oldest: Place?
    private var newest: Place?

    init(limit: Int = Limits.listingBytes) { self.limit = limit }

    /// Instead of what was kept there, as the newest.
    func keep(_ content: some Sendable, bytes: Int, at place: Place) {
        let before = lock.withLock {
            let before = remove(place)
            place.content = content
            place.bytes = bytes
            used += bytes
            place.older = newest
            newest?.newer = place
            newest = place
            if oldest == nil { oldest = place }
            return before
        }
        _ = before
        // One is freed before the next is taken out.
        while lock.withLock({ removeBeyondLimit() }) != nil {}
    }

    func kept<Content>(at place: Place, as: Content.Type) -> Content? {
        lock.withLock { place.content } as? Content
    }

    func letGo(_ place: Place) { _ = lock.withLock { remove(place) } }

    /// Under `lock`. What was kept there, for the caller to let go when he has given up the lock.
    private func remove(_ place: Place) -> (any Sendable)? {
        guard let content = place.content else { return nil }
        place.content = nil
        used -= place.bytes
        let (older, newer) = (place.older, place.newer)
        if let older { older.newer = newer } else { oldest = newer }
        if let newer { newer.older = older } else { newest = older }
        place.older = nil
        place.newer = nil
        return content
    }

    /// Under `lock`. Nil: what is kept is within the bound, or one alone.
    private func removeBeyondLimit() -> (any Sendable)? {
        guard used > limit, let oldest, oldest !== newest else { return nil }
        return remove(oldest)
    }

    /// For tests.
    var bytes: Int { lock.withLock { used } }
}
