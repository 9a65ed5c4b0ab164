import Glibc

/// Page-aligned buffers, kept for reuse by size class: powers of two from 4 KiB to 1 MiB, and 1 MiB
/// with two pages more, which a write is received in.
///
/// A held read has no buffer: one is taken when its first part reaches a backing device, and goes back
/// when the read is answered. What nobody needed for some seconds is given back to the system.
package final class BufferPool: KeepsMemory, @unchecked Sendable {
    // @unchecked: `free` and `isLookedAt` are guarded by `lock`.
    package static let shared = BufferPool()

    private let lock = Lock(rank: .leaf, name: "BufferPool.lock", isShared: true)
    private var free: [Idle<UnsafeMutableRawPointer>]
    /// Whether `IdleMemory` knows that something is kept. It looks until nothing is.
    private var isLookedAt = false

    private static let smallestShift = 12
    private static let powers = 9
    /// Bytes of the largest class.
    package static let largest = (1 << 20) + 2 * 4096
    private static let classes = powers + 1
    /// More idle buffers than this of one class are given back at once.
    private static let kept = 16

    private init() {
        free = Array(repeating: Idle(), count: BufferPool.classes)
        IdleMemory.shared.add(self)
    }

    /// A buffer of at least `length` bytes, or nil when there is no memory.
    package func take(_ length: Int) -> UnsafeMutableRawPointer? {
        let index = BufferPool.sizeClass(length)
        if index < BufferPool.classes, let buffer = lock.withLock({ free[index].popLast() }) {
            return buffer
        }
        var buffer: UnsafeMutableRawPointer?
        let size = BufferPool.size(of: index) ?? length
        guard MemoryReserve.allows(size) else { return nil }
        return posix_memalign(&buffer, 4096, size) == 0 ? buffer : nil
    }

    /// Gives back what `take(length)` gave.
    package func give(_ buffer: UnsafeMutableRawPointer, _ length: Int) {
        let index = BufferPool.sizeClass(length)
        var isNew = false
        let isKept =
            index < BufferPool.classes
            && lock.withLock { () -> Bool in
                guard free[index].count < BufferPool.kept else { return false }
                free[index].append(buffer)
                isNew = !isLookedAt
                isLookedAt = true
                return true
            }
        if isNew { IdleMemory.shared.note() }
        if !isKept { Glibc.free(buffer) }
    }

    package func letGoOfUnneeded() -> Bool {
        let (unneeded, isMore) = lock.withLock { () -> ([UnsafeMutableRawPointer], Bool) in
            var unneeded: [UnsafeMutableRawPointer] = []
            for index in 0..<BufferPool.classes { unneeded += free[index].takeUnneeded() }
            isLookedAt = free.contains { $0.count > 0 }
            return (unneeded, isLookedAt)
        }
        for buffer in unneeded { Glibc.free(buffer) }
        return isMore
    }

    private static func sizeClass(_ length: Int) -> Int {
        guard length > 1 << smallestShift else { return 0 }
        let index = Int.bitWidth - (length - 1).leadingZeroBitCount - smallestShift
        return index == powers && length > largest ? classes : index
    }

    /// Nil: buffers of that size aren't kept.
    private static func size(of index: Int) -> Int? {
        if index < powers { return 1 << (index + smallestShift) }
        return index == powers ? largest : nil
    }
}
