import Synchronization

/// How many of something there may be at once.
final class Bound: Sendable {
    private let maximum: Int
    private let count = Atomic<Int>(0)

    init(_ maximum: Int) { self.maximum = maximum }

    /// True: one more, to be ended.
    func begin() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= maximum { return true }
        end()
        return false
    }

    func end() { count.subtract(1, ordering: .relaxed) }
}
