import CFuse
import DeviceMapper
import Glibc

/// The kernel's page cache of the files of a mount.
///
/// It has a descriptor of its own: a drop may outlive the session that began it.
final class KernelPages: PageCache, @unchecked Sendable {
    // @unchecked: the mutable rest is guarded by `lock`.

    private let descriptor: Int32
    private let files: OwnFiles
    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "KernelPages.lock")
    private var drops = 0
    private var hasEnded = false

    let settling = Settling()
    let sizes = SizeGate()
    let reads = PageReads()

    /// Takes over a descriptor of /dev/fuse.
    init(descriptor: Int32, files: OwnFiles) {
        self.descriptor = descriptor
        self.files = files
    }

    /// Whether a drop is under way. It waits for requests, so somebody must answer these.
    var isBusy: Bool { lock.withLock { drops > 0 } }

    /// Whether the kernel has a request that no thread has received yet; no longer at the end.
    var hasRequest: Bool {
        guard begin(unsettles: false) else { return false }
        defer { finish(unsettles: false) }
        return cfuse_has_request(descriptor)
    }

    func drop(minor: UInt32, generation: UInt64) {
        drop(NodeNumber(.device(minor: minor, generation: generation)))
    }

    func drop(minor: UInt32, generation: UInt64, besides ranges: [Range<UInt64>]) {
        let node = NodeNumber(.device(minor: minor, generation: generation))
        var begin: UInt64 = 0
        for range in ranges + [UInt64(Int64.max)..<UInt64(Int64.max)] {
            let end = range.lowerBound / KernelPages.pageSize * KernelPages.pageSize
            if begin < end {
                notify { [begin] in _ = cfuse_drop_range($0, node.rawValue, begin, end - begin) }
            }
            let (next, page) = (range.upperBound, KernelPages.pageSize)
            begin = max(begin, (next + page - 1) / page * page)
        }
    }

    /// Where its file can't be had, what is cached is dropped.
    func writeBack(minor: UInt32, generation: UInt64) {
        if !files.writeBack(minor: minor) { drop(minor: minor, generation: generation) }
    }

    func drop(_ node: NodeNumber) {
        notify { descriptor in _ = cfuse_drop_pages(descriptor, node.rawValue) }
    }

    /// What a write has changed; this unsettles nothing.
    func drop(_ node: NodeNumber, _ range: Range<UInt64>) {
        notify(unsettles: false) { descriptor in
            _ = cfuse_drop_range(
                descriptor, node.rawValue, range.lowerBound, UInt64(range.count))
        }
    }

    /// For the time of `body` pages are dropped that others may have changed.
    func unsettling(_ body: () -> Void) {
        let begun = begin(unsettles: true)
        body()
        if begun { finish(unsettles: true) }
    }

    /// Whether pages of a write may have been dropped, and read again, before it took effect; asked
    /// after that.
    func mayBeStale(
        _ node: NodeNumber, _ range: Range<UInt64>, since arrival: Settling.Arrival
    ) -> Bool {
        settling.mayBeStale(since: arrival) { reads.sawRead(of: node, range, since: $0) }
    }

    /// A READ through the cache arrives, before anything is read for it. Nil: no page was dropped lately.
    func noteRead(
        _ node: fuse_ino_t, _ extent: Extent, _ request: fuse_req_t?
    ) -> PageReads.Mark? {
        guard let now = settling.time else { return nil }
        return reads.begin(
            NodeNumber(rawValue: UInt64(node)),
            extent.offset..<extent.offset + UInt64(extent.length), at: now,
            for: request.map { fuse_req_ctx($0).pointee.pid } ?? 0)
    }

    static let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

    /// Whatever the error is, nothing is cached: the kernel doesn't know the node, or nobody. So none
    /// comes out.
    private func notify(unsettles: Bool = true, _ body: (Int32) -> Void) {
        guard begin(unsettles: unsettles) else { return }
        body(descriptor)
        finish(unsettles: unsettles)
    }

    /// False: it is all over.
    private func begin(unsettles: Bool) -> Bool {
        let isOurs = lock.withLock { () -> Bool in
            guard !hasEnded else { return false }
            drops += 1
            return true
        }
        if isOurs && unsettles { settling.begin() }
        return isOurs
    }

    private func finish(unsettles: Bool) {
        if unsettles { settling.finish() }
        let isLast = lock.withLock { () -> Bool in
            drops -= 1
            return hasEnded && drops == 0
        }
        if isLast { close(descriptor) }
    }

    // MARK: Growth

    /// What keeps the page with the earlier end cached meanwhile is a read that is held. Then the size
    /// is not shown, and questions for it are answered with the earlier one, until that is over.
    ///
    /// The page is dropped twice. What a mapping changed there belongs before the earlier end, so it is
    /// written back before the kernel knows of a longer file. And the kernel fills the page with zeros
    /// behind an end when it writes it back, which another thread may have made it do since: as long
    /// as the size isn't shown, these are cut off when they come.
    func grow(
        from end: UInt64, to size: UInt64, minor: UInt32, generation: UInt64,
        _ show: () -> Bool
    ) {
        let node = NodeNumber(.device(minor: minor, generation: generation))
        let dropEnd: @Sendable () -> Void = { [self] in
            notify { descriptor in _ = cfuse_drop_range(descriptor, node.rawValue, end, 1) }
        }
        dropEnd()
        var patience = KernelPages.growthMilliseconds
        while true {
            // Counts as a drop until those whose answers are kept back have them.
            guard begin(unsettles: false) else { return _ = show() }
            defer { finish(unsettles: false) }
            sizes.close(node)
            let growth = BoundedCall.begin("dmfuse-cache") { [self] in
                pause(milliseconds: sizes.settingTime)
                notify { descriptor in
                    _ = cfuse_note_growth(descriptor, node.rawValue, size)
                }
                dropEnd()
            }
            let deadline = Deadline(millisecondsFromNow: patience)
            if let growth, growth.wait(until: deadline) == nil {
                sizes.open(node)
                growth.wait()
                patience = min(patience * 2, KernelPages.growthMilliseconds * 16)
                continue
            }
            // Without a thread it is tried here, where nobody is kept waiting for it.
            _ = show()
            sizes.open(node)
            if growth == nil {
                notify { descriptor in
                    _ = cfuse_note_growth(descriptor, node.rawValue, size)
                }
            }
            return
        }
    }

    /// How long questions for the size wait at first.
    private static let growthMilliseconds: UInt32 = 50

    private func pause(milliseconds: UInt32) {
        guard milliseconds > 0 else { return }
        usleep(milliseconds * 1000)
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
