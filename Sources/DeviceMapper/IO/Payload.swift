import Glibc

/// The memory of a write, shared by count between who received it and what still needs it.
///
/// A receiver looks with `isKnownUniquelyReferenced` after `submit` whether it may reuse it.
package final class Payload: @unchecked Sendable {
    // @unchecked: written by its creator before it is shared, then only read.
    package let memory: UnsafeMutableRawPointer
    package let capacity: Int
    /// The budget that it counts in: a copy for the time that its write is held. Nil: a receiver's.
    private let budget: HeldMemory?
    /// Whether the memory goes back to `BufferPool`.
    private let isPooled: Bool

    /// Nil: there is no memory.
    package convenience init?(allocating capacity: Int) {
        self.init(allocating: capacity, within: nil)
    }

    /// Counted in `budget` already, which gets it back at the end.
    init?(allocating capacity: Int, within budget: HeldMemory?) {
        guard let memory = malloc(max(capacity, 1)) else { return nil }
        self.memory = memory
        self.capacity = capacity
        self.budget = budget
        isPooled = false
    }

    /// Page-aligned, for a receiver. Nil: there is no memory.
    package init?(pooled capacity: Int) {
        guard let memory = BufferPool.shared.take(capacity) else { return nil }
        self.memory = memory
        self.capacity = capacity
        budget = nil
        isPooled = true
    }

    deinit {
        if isPooled { BufferPool.shared.give(memory, capacity) } else { free(memory) }
        budget?.giveBack(capacity)
    }

    /// 1 MiB of zeros, made when they are first needed, and kept. Nil: there is no memory now.
    static var zeroes: Payload? {
        zeroesLock.withLock {
            if let keptZeroes { return keptZeroes }
            let length = 1 << 20
            guard MemoryReserve.allows(length), let payload = Payload(allocating: length) else {
                return nil
            }
            memset(payload.memory, 0, length)
            keptZeroes = payload
            return payload
        }
    }
    private static let zeroesLock = Lock(rank: .leaf, name: "Payload.zeroesLock", isShared: true)
    /// Guarded by `zeroesLock`.
    nonisolated(unsafe) private static var keptZeroes: Payload?

    /// Whether it belongs to a held write alone.
    var isKept: Bool { budget != nil }
}
