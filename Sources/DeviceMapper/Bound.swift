import Synchronization

/// How much of something there may be at once. Any thread, no lock.
package struct Bound: ~Copyable, Sendable {
    private let maximum: Int
    private let taken = Atomic<Int>(0)

    package init(_ maximum: Int) { self.maximum = maximum }

    /// Takes `amount`, which `end` gives back. False: it would pass the bound, and nothing is taken.
    package func begin(_ amount: Int = 1) -> Bool {
        if taken.add(amount, ordering: .relaxed).newValue <= maximum { return true }
        end(amount)
        return false
    }

    /// Gives `amount` back that `begin` took.
    package func end(_ amount: Int = 1) { taken.subtract(amount, ordering: .relaxed) }

    var inUse: Int { taken.load(ordering: .relaxed) }
}
