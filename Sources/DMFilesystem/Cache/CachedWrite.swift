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
/// the answer: so the answer comes when its drop waits for a page that nobody is reading. Who reads a page
/// may unlock it only when he has a CPU again (`fuse_read_folio`): the clients of the newest reads are waited
/// for, so far as they are known.
struct CachedWrite {
    /// The session's, which outlives its requests.
    private let pages: Unmanaged<KernelPages>
    private let node: NodeNumber
    private let offset: UInt64
    private let arrival: Settling.Arrival

    /// How long the answer may wait, in milliseconds, for reads that a backing file doesn't answer and for
    /// a thread that gets no CPU.
    private static let longest: UInt32 = 10_000
    /// For a read that a device holds, which may take for ever.
    private static let longestForHeld: UInt64 = 100
    /// Where the page may be the write's own, for reads of it, which may be of another: pages share slots. And
    /// for a read that was answered and whose client is always found on a CPU, or in want of one.
    private static let longestForReads: UInt32 = 1000
    private static let pause: UInt32 = 1

    /// When it arrives.
    init(to node: fuse_ino_t, at offset: UInt64, _ pages: KernelPages) {
        self.pages = .passUnretained(pages)
        self.node = NodeNumber(rawValue: UInt64(node))
        self.offset = offset
        arrival = pages.settling.noteArrival()
    }

    private func range(_ length: Int) -> Range<UInt64> { offset..<offset + UInt64(length) }

    /// Whether pages of it may have been dropped, and read again, before it took effect; asked after
    /// that.
    func mayBeStale(length: Int) -> Bool {
        pages._withUnsafeGuaranteedRef { $0.mayBeStale(node, range(length), since: arrival) }
    }

    /// How much of it lies before the page with which it ends, if that is a part of a block of the kernel's
    /// cache, of `blockSize` bytes; else all. Nothing of the same call comes after such a part: the kernel
    /// cuts a call at pages, but where the program's own memory can't be read.
    func wholeLength(of length: Int, blockSize: UInt32) -> Int {
        let page = KernelPages.pageSize
        let end = offset + UInt64(length)
        let last = end / page * page
        let start = max(offset, last)
        guard end != last, !(start | end).isMultiple(of: UInt64(blockSize)) else { return length }
        return Int(start - offset)
    }

    /// Pages to be dropped together.
    private struct Part {
        let range: Range<UInt64>
        /// It may be the page that the kernel keeps locked until the answer.
        let mayBeLocked: Bool
    }

    /// All but the last page, and that one, where the write covers a part of it.
    private static func parts(of range: Range<UInt64>) -> [Part] {
        let page = KernelPages.pageSize
        let last = (range.upperBound - 1) / page * page
        guard last < range.lowerBound || last + page > range.upperBound else {
            return [Part(range: range, mayBeLocked: false)]
        }
        let start = max(last, range.lowerBound)
        let parts = [
            Part(range: range.lowerBound..<start, mayBeLocked: false),
            Part(range: start..<range.upperBound, mayBeLocked: true),
        ]
        return parts.filter { !$0.range.isEmpty }
    }

    /// Calls `answer` when no page of it can be older than it, on another thread. Without a thread the
    /// answer comes with nothing dropped.
    func settle(length: Int, of file: DeviceHandle, answer: @escaping @Sendable () -> Void) {
        let parts = CachedWrite.parts(of: range(length))
        let run: @Sendable () -> Void = { [pages = pages.takeUnretainedValue(), node] in
            var late: [() -> Void] = []
            let limit = Deadline(millisecondsFromNow: CachedWrite.longest)
            for part in parts {
                let thread = StuckThread()
                let drop = BoundedCall.begin("dmfuse-cache") {
                    thread.begin()
                    pages.drop(node, part.range)
                }
                guard let drop else {
                    late.append { pages.drop(node, part.range) }
                    continue
                }
                if !CachedWrite.wait(for: drop, until: limit, thread, node, part, of: file, pages) {
                    late.append { drop.wait() }
                }
            }
            if late.isEmpty { return answer() }
            // From the answer on other writes may change these pages, which are dropped after it.
            pages.unsettling {
                answer()
                for finish in late { finish() }
            }
        }
        do { try Thread.start("dmfuse-cache") { run() } } catch { answer() }
    }

    /// Waits for a drop. False: it may be waiting for the answer, or for a held request: a read of a page, or
    /// the write-back of one that a mapping changed.
    private static func wait(
        for drop: BoundedCall<Void>, until limit: Deadline, _ thread: StuckThread,
        _ node: NodeNumber, _ part: Part, of file: DeviceHandle, _ pages: KernelPages
    ) -> Bool {
        let readsLimit = Deadline(millisecondsFromNow: longestForReads)
        var heldUntil: UInt64?
        var readers: Readers?
        var looks = 0
        /// Who asks it takes locks of the requests' own.
        func isHeldTooLong(_ isHeld: @autoclosure () -> Bool) -> Bool {
            guard looks.isMultiple(of: 8), isHeld() else { return false }
            let now = Deadline.nowMilliseconds
            let end = heldUntil ?? now + longestForHeld
            heldUntil = end
            return now >= end
        }
        while drop.wait(until: Deadline(millisecondsFromNow: pause)) == nil {
            if limit.hasPassed { return false }
            looks += 1
            if pages.reads.isReading(node, part.range)
                && !(part.mayBeLocked && readsLimit.hasPassed)
            {
                thread.forget()
                readers = nil
                if isHeldTooLong(file.holdsRead(of: part.range)) { return false }
            } else if !part.mayBeLocked {
                if isHeldTooLong(file.holdsWrite) { return false }
            } else if thread.isStuck() {
                var left = readers ?? Readers(pages.reads.clients(node, part.range))
                if left.haveRun() { return false }
                readers = left
            }
        }
        return true
    }

    /// Those whose reads were answered: whether they have unlocked their pages.
    private struct Readers {
        /// Who may not have, with what was seen of him first.
        private var left: [(thread: pid_t, first: ThreadStatus)]
        private let limit = Deadline(millisecondsFromNow: longestForReads)

        init(_ threads: Set<pid_t>) {
            left = threads.compactMap { thread in
                ClientThread.status(of: thread).map { (thread, $0) }
            }
        }

        /// One look.
        mutating func haveRun() -> Bool {
            left = left.filter { reader in
                ClientThread.status(of: reader.thread).map { !$0.hasRun(since: reader.first) }
                    ?? false
            }
            return left.isEmpty || limit.hasPassed
        }
    }
}
