import Synchronization

/// A number that rises with each event, and a way to wait for that.
package final class EventCounter: @unchecked Sendable {
    // @unchecked: `number` is guarded by `lock`.

    /// Leaf: readable wherever the name of a device is at hand, and raised with any lock held.
    private let lock = Lock(rank: .leaf, name: "EventCounter.lock")
    private let rose = Condition()
    private var number: UInt32 = 0

    package init() {}

    package var current: UInt32 { lock.withLock { number } }

    /// Wraps after 2^32 events, as the kernel's does.
    func raise() {
        lock.withLock {
            number &+= 1
            rose.broadcast()
        }
    }

    /// Waits until the number is another one. EINTR.
    package func wait(forOtherThan known: UInt32, _ interrupt: Interrupt) throws(DMError) {
        try rose.wait(lock, interrupt, until: { number != known }, then: {})
    }
}
