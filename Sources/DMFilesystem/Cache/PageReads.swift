import DeviceMapper
import Glibc
import Synchronization

/// Which pages were read while pages are dropped, or soon after: only such a read can bring something into the
/// kernel's cache that is older than a write on its way (`CachedWrite`).
///
/// Pages share slots. So it may say that a page was read which wasn't, never that one wasn't which was.
final class PageReads: @unchecked Sendable {
    // @unchecked: the slots are atomics, and stay where they are.

    private struct Slot: ~Copyable {
        /// When the newest READ arrived, in monotonic milliseconds.
        let newest = Atomic<UInt64>(0)
        /// READs that aren't answered.
        let underWay = Atomic<Int>(0)
        /// The thread that waited for the newest; 0: not in our namespace.
        let client = Atomic<pid_t>(0)
    }

    private static let count = 2048
    private let slots: UnsafeMutablePointer<Slot>

    init() {
        slots = .allocate(capacity: PageReads.count)
        for index in 0..<PageReads.count { (slots + index).initialize(to: Slot()) }
    }

    deinit {
        slots.deinitialize(count: PageReads.count)
        slots.deallocate()
    }

    /// A READ under way.
    struct Mark {
        fileprivate let first: UInt64
        fileprivate let count: UInt64
        /// It lives as long as the session, which outlives its requests.
        fileprivate let reads: Unmanaged<PageReads>

        /// It was answered.
        func end() {
            reads._withUnsafeGuaranteedRef { reads in
                reads.forEach(self) {
                    $0.pointee.underWay.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                }
            }
        }
    }

    /// A READ has arrived, before anything is read for it.
    func begin(
        _ node: NodeNumber, _ range: Range<UInt64>, at time: UInt64, for client: pid_t = 0
    ) -> Mark {
        let mark = mark(node, range)
        forEach(mark) {
            $0.pointee.underWay.wrappingAdd(1, ordering: .sequentiallyConsistent)
            $0.pointee.newest.max(time, ordering: .sequentiallyConsistent)
            $0.pointee.client.store(client, ordering: .relaxed)
        }
        return mark
    }

    /// Whether a READ of these pages arrived at that time or later.
    func sawRead(of node: NodeNumber, _ range: Range<UInt64>, since time: UInt64) -> Bool {
        contains(mark(node, range)) {
            let newest = $0.pointee.newest.load(ordering: .sequentiallyConsistent)
            return newest > 0 && newest >= time
        }
    }

    /// Whether one of them is being read.
    func isReading(_ node: NodeNumber, _ range: Range<UInt64>) -> Bool {
        contains(mark(node, range)) {
            $0.pointee.underWay.load(ordering: .sequentiallyConsistent) > 0
        }
    }

    /// The threads that waited for the newest reads of these pages.
    func clients(_ node: NodeNumber, _ range: Range<UInt64>) -> Set<pid_t> {
        var clients: Set<pid_t> = []
        forEach(mark(node, range)) { slot in
            let client = slot.pointee.client.load(ordering: .relaxed)
            if client > 0 { clients.insert(client) }
        }
        return clients
    }

    /// Pages that follow one another have slots that do.
    private func mark(_ node: NodeNumber, _ range: Range<UInt64>) -> Mark {
        let first = range.lowerBound / KernelPages.pageSize
        let end = (range.upperBound + KernelPages.pageSize - 1) / KernelPages.pageSize
        let spread = node.rawValue &* 0x9E37_79B9_7F4A_7C15
        return Mark(
            first: (spread >> 32) &+ first, count: min(end - first, UInt64(PageReads.count)),
            reads: .passUnretained(self))
    }

    private func forEach(_ mark: Mark, _ body: (UnsafeMutablePointer<Slot>) -> Void) {
        _ = contains(mark) { slot in
            body(slot)
            return false
        }
    }

    private func contains(
        _ mark: Mark, where matches: (UnsafeMutablePointer<Slot>) -> Bool
    ) -> Bool {
        for index in 0..<mark.count {
            let slot = Int((mark.first &+ index) % UInt64(PageReads.count))
            if matches(slots + slot) { return true }
        }
        return false
    }
}
