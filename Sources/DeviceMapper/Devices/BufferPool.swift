import Glibc

/// Page-aligned buffers for reads, kept for reuse by size class: powers of two from 4 KiB to 1 MiB.
///
/// A held read has no buffer: one is taken when its first part reaches a backing device.
final class BufferPool: @unchecked Sendable {
    // @unchecked: `free` is guarded by `lock`.
    static let shared = BufferPool()

    private let lock = Lock(rank: .leaf, name: "BufferPool.lock", isShared: true)
    private var free: [[UnsafeMutableRawPointer]]

    private static let smallestShift = 12
    private static let classes = 9
    /// More idle buffers than this of one class are given back to the system.
    private static let kept = 16

    private init() { free = Array(repeating: [], count: BufferPool.classes) }

    deinit {
        for list in free { for buffer in list { Glibc.free(buffer) } }
    }

    /// A buffer of at least `length` bytes, or nil when there is no memory.
    func take(_ length: Int) -> UnsafeMutableRawPointer? {
        let index = BufferPool.sizeClass(length)
        if index < BufferPool.classes, let buffer = lock.withLock({ free[index].popLast() }) {
            return buffer
        }
        var buffer: UnsafeMutableRawPointer?
        let size = index < BufferPool.classes ? 1 << (index + BufferPool.smallestShift) : length
        guard MemoryReserve.allows(size) else { return nil }
        return posix_memalign(&buffer, 4096, size) == 0 ? buffer : nil
    }

    /// Gives back what `take(length)` gave.
    func give(_ buffer: UnsafeMutableRawPointer, _ length: Int) {
        let index = BufferPool.sizeClass(length)
        let isKept =
            index < BufferPool.classes
            && lock.withLock { () -> Bool in
                guard free[index].count < BufferPool.kept else { return false }
                free[index].append(buffer)
                return true
            }
        if !isKept { Glibc.free(buffer) }
    }

    private static func sizeClass(_ length: Int) -> Int {
        guard length > 1 << smallestShift else { return 0 }
        return Int.bitWidth - (length - 1).leadingZeroBitCount - smallestShift
    }
}
