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

    func drop(minor: UInt32, generation: UInt64, grown: UInt64?) {
        drop(NodeNumber(.device(minor: minor, generation: generation)), grown: grown)
    }

    func drop(_ node: NodeNumber, grown: UInt64? = nil) {
        let isOver = lock.withLock { () -> Bool in
            if !hasEnded { drops += 1 }
            return hasEnded
        }
        if isOver { return }
        // Whatever the error is, nothing is cached: the kernel doesn't know the node, or nobody.
        if let grown {
            // Before it is longer: a page of the earlier end that was changed through a mapping would
            // be written back with the zeros behind that end, over what the new table has there.
            _ = cfuse_drop_pages(descriptor, node.rawValue)
            _ = cfuse_note_growth(descriptor, node.rawValue, grown)
        }
        _ = cfuse_drop_pages(descriptor, node.rawValue)
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
