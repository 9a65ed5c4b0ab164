import CFuse
import DeviceMapper
import Glibc

/// The kernel's page cache of the files of a mount.
///
/// It has a descriptor of its own: a drop may outlive the session that began it.
final class KernelPages: PageCache, @unchecked Sendable {
    // @unchecked: the mutable rest is guarded by `lock`.

    private let descriptor: Int32
    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "KernelPages.lock")
    private var drops = 0
    private var hasEnded = false

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
        notify { descriptor in _ = cfuse_drop_page(descriptor, node.rawValue, offset) }
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

    private static let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

    /// Whatever the error is, nothing is cached: the kernel doesn't know the node, or nobody. So none
    /// comes out.
    private func notify(_ body: (Int32) -> Void) {
        let isOver = lock.withLock { () -> Bool in
            if !hasEnded { drops += 1 }
            return hasEnded
        }
        if isOver { return }
        body(descriptor)
        let isLast = lock.withLock { () -> Bool in
            drops -= 1
            return hasEnded && drops == 0
        }
        if isLast { close(descriptor) }
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
