import CFuse
import DeviceMapper

/// A write through the page cache while pages are dropped.
///
/// The kernel changes a page, lets go of it, and then sends the WRITE. If the page is dropped in
/// between and read again, what is read is from before the write, and would stay cached. So the page
/// is dropped once more when the write took effect, and before its caller returns: until then the
/// inode lock keeps other such writes away. A page that the write doesn't cover as a whole can be
/// locked until the answer: for that one the answer doesn't wait long, and it goes after it.
struct CachedWrite {
    /// The session's, which outlives its requests.
    private let pages: Unmanaged<KernelPages>
    private let node: NodeNumber
    private let offset: UInt64
    private let dropsBefore: UInt64?

    /// When it arrives.
    init(to node: fuse_ino_t, at offset: UInt64, _ pages: KernelPages) {
        self.pages = .passUnretained(pages)
        self.node = NodeNumber(rawValue: UInt64(node))
        self.offset = offset
        dropsBefore = pages.dropsBefore
    }

    /// Whether pages of it may have been dropped, and read again, before it took effect; asked after
    /// that.
    var mayHaveDropped: Bool {
        pages._withUnsafeGuaranteedRef { $0.mayHaveDropped(since: dropsBefore) }
    }

    /// Whether it is a part of a block of the kernel's cache, of `blockSize` bytes, after which nothing of
    /// the same call comes: the kernel cuts a call at pages only.
    func endsWithinBlock(of blockSize: UInt32, length: Int) -> Bool {
        let end = offset + UInt64(length)
        return !end.isMultiple(of: KernelPages.pageSize)
            && !(offset | end).isMultiple(of: UInt64(blockSize))
    }

    /// Calls `answer` when the pages are dropped, on another thread. It waits for a tenth of a
    /// second at most: a page can be locked by a read that is held. Without a thread the answer
    /// comes with nothing dropped.
    func settle(length: Int, answer: @escaping @Sendable () -> Void) {
        let run: @Sendable () -> Void = { [pages = pages.takeUnretainedValue(), node, offset] in
            let page = KernelPages.pageSize
            let end = offset + UInt64(length)
            let first = (offset + page - 1) / page * page
            let last = end / page * page
            var isOver =
                first >= last
                || CachedWrite.drop(first..<last, of: node, pages, atMost: 100)
            if first != offset || last != end {
                isOver =
                    CachedWrite.drop(offset..<end, of: node, pages, atMost: 5) && isOver
            }
            answer()
            if !isOver { pages.drop(node, offset..<end) }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { answer() }
    }

    /// Drops pages, and waits for that so many milliseconds. False: there was no thread for it.
    private static func drop(
        _ range: Range<UInt64>, of node: NodeNumber, _ pages: KernelPages,
        atMost milliseconds: UInt32
    ) -> Bool {
        let drop = BoundedCall.begin("dmfuse-cache") { pages.drop(node, range) }
        guard let drop else { return false }
        _ = drop.wait(until: Deadline(millisecondsFromNow: milliseconds))
        return true
    }
}
