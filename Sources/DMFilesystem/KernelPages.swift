import CFuse
import DeviceMapper
import Glibc
import Synchronization

/// The kernel's page cache of the files of a mount.
///
/// It has a descriptor of its own: a drop may outlive the session that began it.
final class KernelPages: PageCache, @unchecked Sendable {
    // @unchecked: the mutable rest is guarded by `lock`.

    private let descriptor: Int32
    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "KernelPages.lock")
    private var drops = 0
    private var unsettlingDrops = 0
    private var hasEnded = false

    /// Until when writes that arrive are looked after (`CachedWrite`), in monotonic milliseconds: one may
    /// have been on its way here when a drop ended.
    private let settledAt = Atomic<UInt64>(0)
    private let dropsBegun = Atomic<UInt64>(0)
    private static let settlingMilliseconds: UInt64 = 1000

    /// Takes over a descriptor of /dev/fuse.
    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Whether a drop is under way. It waits for requests, so somebody must answer these.
    var isBusy: Bool { lock.withLock { drops > 0 } }

    func drop(minor: UInt32, generation: UInt64) {
        drop(NodeNumber(.device(minor: minor, generation: generation)))
    }

    func drop(_ node: NodeNumber) {
        notify { descriptor in _ = cfuse_drop_pages(descriptor, node.rawValue) }
    }

    func dropPage(at offset: UInt64, minor: UInt32, generation: UInt64) {
        let node = NodeNumber(.device(minor: minor, generation: generation))
        notify { descriptor in _ = cfuse_drop_range(descriptor, node.rawValue, offset, 1) }
    }

    /// What a write has changed; this unsettles nothing.
    func drop(_ node: NodeNumber, _ range: Range<UInt64>) {
        notify(unsettles: false) { descriptor in
            _ = cfuse_drop_range(
                descriptor, node.rawValue, range.lowerBound, UInt64(range.count))
        }
    }

    /// How many drops there were when a write arrives; nil: one may have come between it and the
    /// change of its pages.
    var dropsBefore: UInt64? {
        let count = dropsBegun.load(ordering: .sequentiallyConsistent)
        let time = settledAt.load(ordering: .sequentiallyConsistent)
        return time > 0 && Deadline.nowMilliseconds < time ? nil : count
    }

    /// Whether pages of a write may have been dropped, and read again, before it took effect; asked
    /// after that.
    func mayHaveDropped(since count: UInt64?) -> Bool {
        dropsBegun.load(ordering: .sequentiallyConsistent) != count
    }

    func noteGrowth(from end: UInt64, to size: UInt64, minor: UInt32, generation: UInt64) {
        let node = NodeNumber(.device(minor: minor, generation: generation))
        // It is told by a zero for the last byte, which would stand in a page that was read already.
        // The page with the earlier end may be. Within that one the kernel asks for the size by
        // itself.
        let page = KernelPages.pageSize
        guard (end + page - 1) / page <= (size - 1) / page else { return }
        notify { descriptor in _ = cfuse_note_growth(descriptor, node.rawValue, size) }
    }

    static let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

    /// Whatever the error is, nothing is cached: the kernel doesn't know the node, or nobody. So none
    /// comes out.
    private func notify(unsettles: Bool = true, _ body: (Int32) -> Void) {
        let isOver = lock.withLock { () -> Bool in
            guard !hasEnded else { return true }
            drops += 1
            if unsettles {
                unsettlingDrops += 1
                settledAt.store(.max, ordering: .sequentiallyConsistent)
                dropsBegun.wrappingAdd(1, ordering: .sequentiallyConsistent)
            }
            return false
        }
        if isOver { return }
        body(descriptor)
        let isLast = lock.withLock { () -> Bool in
            drops -= 1
            if unsettles {
                unsettlingDrops -= 1
                if unsettlingDrops == 0 {
                    settledAt.store(
                        Deadline.nowMilliseconds + KernelPages.settlingMilliseconds,
                        ordering: .sequentiallyConsistent)
                }
            }
            return hasEnded && drops == 0
        }
        if isLast { close(descriptor) }
    }

    /// Ends it unless a drop is under way, and lets none begin afterwards: those who would answer what
    /// it waits for may go. Whether it has ended.
    func endIfIdle() -> Bool {
        let (isIdle, isOver) = lock.withLock { () -> (Bool, Bool) in
            guard !hasEnded, drops == 0 else { return (false, hasEnded) }
            hasEnded = true
            return (true, true)
        }
        if isIdle { close(descriptor) }
        return isOver
    }

    /// Closes the descriptor, now or after the drop that is under way.
    func end() {
        let isIdle = lock.withLock { () -> Bool in
            guard !hasEnded else { return false }
            hasEnded = true
            return drops == 0
        }
        if isIdle { close(descriptor) }
    }
}
