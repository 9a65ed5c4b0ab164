import DeviceMapper

/// A write through the page cache while pages are dropped.
///
/// The kernel changes a page, lets go of it, and then sends the WRITE. If the page is dropped in
/// between and read again, what is read is from before the write, and would stay cached. So the page
/// is dropped once more when the write took effect, and before its caller returns: until then the
/// inode lock keeps other such writes away. A page that the write doesn't cover as a whole can be
/// locked until the answer, so that one is dropped after it.
extension KernelPages {
    /// Calls `answer` when the pages are dropped, on another thread. It waits no longer than for
    /// `SettledWrite.milliseconds`: a page can be locked by a read that is held.
    func settle(
        _ node: NodeNumber, offset: UInt64, length: Int, answer: @escaping @Sendable () -> Void
    ) {
        let run: @Sendable () -> Void = { [self] in
            let page = KernelPages.pageSize
            let end = offset + UInt64(length)
            let first = (offset + page - 1) / page * page
            let last = end / page * page
            if first < last { SettledWrite().drop(first..<last, of: node, self) }
            answer()
            if first != offset || last != end { drop(node, offset..<end) }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { answer() }
    }
}

/// A drop of pages that is waited for, but not for good.
private final class SettledWrite: @unchecked Sendable {
    // @unchecked: `isDone` is guarded by `lock`.

    /// Guards `isDone`. Leaf.
    private let lock = Lock(rank: .leaf, name: "SettledWrite.lock")
    private let done = Condition()
    private var isDone = false

    private static let milliseconds: UInt32 = 100

    func drop(_ range: Range<UInt64>, of node: NodeNumber, _ pages: KernelPages) {
        let run: @Sendable () -> Void = { [self] in
            pages.drop(node, range)
            lock.withLock {
                isDone = true
                done.broadcast()
            }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { return }
        let deadline = Deadline(millisecondsFromNow: SettledWrite.milliseconds)
        lock.withLock {
            while !isDone, done.wait(lock, until: deadline) {}
        }
    }
}
