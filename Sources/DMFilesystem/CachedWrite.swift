import CFuse
import DeviceMapper
import Glibc

/// A write through the page cache while pages are dropped.
///
/// The kernel changes a page, lets go of it, and then sends the WRITE. If the page is dropped in
/// between and read again, what is read is from before the write, and would stay cached. So the page
/// is dropped once more when the write took effect, and before its caller returns: until then the
/// inode lock keeps other such writes away.
///
/// The last page, if it wasn't cached and the write doesn't cover all of it, the kernel keeps locked until
/// the answer (`fuse_fill_write_pages`). That one can't be older than the write, and its drop comes after
/// the answer: so the answer comes when the drop waits for a page that nobody is reading. Who reads a page
/// may unlock it only when he has a CPU again (`fuse_read_folio`).
struct CachedWrite {
    /// The session's, which outlives its requests.
    private let pages: Unmanaged<KernelPages>
    private let node: NodeNumber
    private let offset: UInt64
    private let arrival: KernelPages.Arrival

    /// How long the answer may wait, in milliseconds, for reads that a backing file doesn't answer and for
    /// a thread that gets no CPU.
    private static let longest: UInt32 = 10_000
    /// For a read that a device holds, which may take for ever.
    private static let longestForHeld: UInt64 = 100
    private static let pause: UInt32 = 1
    /// For one that was answered and whose client is always found on a CPU, or in want of one.
    private static let longestForClient: UInt32 = 1000

    /// When it arrives.
    init(to node: fuse_ino_t, at offset: UInt64, _ pages: KernelPages) {
        self.pages = .passUnretained(pages)
        self.node = NodeNumber(rawValue: UInt64(node))
        self.offset = offset
        arrival = pages.noteArrival()
    }

    private func range(_ length: Int) -> Range<UInt64> { offset..<offset + UInt64(length) }

    /// Whether pages of it may have been dropped, and read again, before it took effect; asked after
    /// that.
    func mayBeStale(length: Int) -> Bool {
        pages._withUnsafeGuaranteedRef { $0.mayBeStale(node, range(length), since: arrival) }
    }

    /// Whether it is a part of a block of the kernel's cache, of `blockSize` bytes, after which nothing of
    /// the same call comes: the kernel cuts a call at pages only.
    func endsWithinBlock(of blockSize: UInt32, length: Int) -> Bool {
        let end = offset + UInt64(length)
        return !end.isMultiple(of: KernelPages.pageSize)
            && !(offset | end).isMultiple(of: UInt64(blockSize))
    }

    /// Calls `answer` when no page of it can be older than it, on another thread. Without a thread the
    /// answer comes with nothing dropped.
    func settle(length: Int, of file: DeviceHandle, answer: @escaping @Sendable () -> Void) {
        let range = range(length)
        let run: @Sendable () -> Void = { [pages = pages.takeUnretainedValue(), node] in
            let thread = StuckThread()
            let drop = BoundedCall.begin("dmfuse-cache") {
                thread.begin()
                pages.drop(node, range)
            }
            if let drop, CachedWrite.wait(for: drop, thread, node, range, of: file, pages) {
                return answer()
            }
            // From the answer on other writes may change these pages, which are dropped after it.
            pages.unsettling {
                answer()
                if let drop { drop.wait() } else { pages.drop(node, range) }
            }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { answer() }
    }

    /// Waits for a drop. False: it may be waiting for the answer, or for a held read.
    private static func wait(
        for drop: BoundedCall<Void>, _ thread: StuckThread, _ node: NodeNumber,
        _ range: Range<UInt64>, of file: DeviceHandle, _ pages: KernelPages
    ) -> Bool {
        let limit = Deadline(millisecondsFromNow: longest)
        var heldUntil: UInt64?
        var readers: Readers?
        while drop.wait(until: Deadline(millisecondsFromNow: pause)) == nil {
            if limit.hasPassed { return false }
            if !pages.reads.isReading(node, range) {
                guard thread.isStuck() else { continue }
                var left = readers ?? Readers(pages.reads.clients(node, range))
                if left.haveRun() { return false }
                readers = left
                continue
            }
            thread.forget()
            readers = nil
            if file.holdsRead(of: range) {
                let now = Deadline.nowMilliseconds
                let end = heldUntil ?? now + longestForHeld
                if now >= end { return false }
                heldUntil = end
            }
        }
        return true
    }

    /// Those whose reads were answered: whether they have unlocked their pages.
    private struct Readers {
        /// Who may not have, with what was seen of him first.
        private var left: [(thread: pid_t, first: ThreadStatus)]
        private let limit = Deadline(millisecondsFromNow: longestForClient)

        init(_ threads: Set<pid_t>) {
            left = threads.compactMap { thread in
                Client.status(of: thread).map { (thread, $0) }
            }
        }

        /// One look.
        mutating func haveRun() -> Bool {
            left = left.filter { reader in
                Client.status(of: reader.thread).map { !$0.hasRun(since: reader.first) } ?? false
            }
            return left.isEmpty || limit.hasPassed
        }
    }
}
