import Synchronization

/// What open directories and texts keep of what they list, in bytes: bounded for all together, since with
/// `--allow-other` another user may open as many as he likes. One alone may be larger.
final class KeptMemory: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    static var usual: Int { 64 << 20 }

    init(limit: Int = KeptMemory.usual) { self.limit = limit }

    /// False, and nothing taken: too much is kept already.
    func take(_ bytes: Int) -> Bool {
        let before = used.add(bytes, ordering: .relaxed).oldValue
        if before == 0 || before + bytes <= limit { return true }
        give(bytes)
        return false
    }

    func give(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }

    /// For tests.
    var bytes: Int { used.load(ordering: .relaxed) }
}
