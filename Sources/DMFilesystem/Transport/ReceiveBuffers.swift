import CFuse
import DeviceMapper

/// A receiver's buffers to receive requests in. The bytes of a write stay where they were received, so
/// a buffer that a write still needs is left to it, and another one used. What nobody needed for some
/// seconds goes back to the pool, but for the one that is received in.
final class ReceiveBuffers: KeepsMemory, @unchecked Sendable {
    // @unchecked: `current` and `reserve` are the receiver's own, `others` are guarded by `lock`.

    private struct Other {
        var payload: Payload
        /// It came here since the last look of `IdleMemory`.
        var isNeeded = true
    }

    /// Writes that other threads still work on, beyond which buffers are made and dropped again.
    private static let mostOthers = 3
    private static let alignment = 4096

    private var current: Payload
    /// For when no memory is left: a write that came in it is refused, as it couldn't be left to that.
    private let reserve: Payload
    /// Guards `others`. Leaf.
    private let lock = Lock(rank: .leaf, name: "ReceiveBuffers.lock")
    /// The oldest first.
    private var others: [Other] = []

    /// Nil: no memory.
    init?() {
        guard let first = ReceiveBuffers.make(), let reserve = ReceiveBuffers.make() else {
            return nil
        }
        current = first
        self.reserve = reserve
    }

    /// When its receiver begins. `IdleMemory` keeps it alive until `end`.
    func begin() { IdleMemory.shared.add(self) }

    /// When its receiver ends.
    func end() { IdleMemory.shared.remove(self) }

    /// The buffer to receive the next request in, and whether it may be left to a write. It stays at
    /// least until the next call, and isn't counted, so that this can see who else needs it.
    func next() -> (buffer: Unmanaged<Payload>, isLasting: Bool) {
        if !isKnownUniquelyReferenced(&current), !exchange() {
            return (.passUnretained(reserve), false)
        }
        return (.passUnretained(current), true)
    }

    /// Leaves the current one to its write, until that is done. False: there is no memory for another.
    private func exchange() -> Bool {
        let free = lock.withLock { () -> Payload? in
            for index in others.indices
            where isKnownUniquelyReferenced(&others[index].payload) {
                let free = others[index].payload
                others.remove(at: index)
                return free
            }
            return nil
        }
        guard let fresh = free ?? ReceiveBuffers.make() else { return false }
        let left = current
        current = fresh
        let dropped = lock.withLock { () -> Payload? in
            others.append(Other(payload: left))
            return others.count > ReceiveBuffers.mostOthers ? others.removeFirst().payload : nil
        }
        withExtendedLifetime(dropped) {}
        IdleMemory.shared.note()
        return true
    }

    func letGoOfUnneeded() -> Bool {
        let (unneeded, isMore) = lock.withLock { () -> ([Other], Bool) in
            let unneeded = others.filter { !$0.isNeeded }
            others = others.filter(\.isNeeded).map { Other(payload: $0.payload, isNeeded: false) }
            return (unneeded, !others.isEmpty)
        }
        withExtendedLifetime(unneeded) {}
        return isMore
    }

    /// Where in a buffer a request is to begin: so that the bytes of a write are aligned.
    static let requestOffset = alignment - Int(CFUSE_WRITE_OFFSET)

    private static func make() -> Payload? {
        Payload(pooled: alignment + Int(CFUSE_RECEIVE_SIZE))
    }
}
