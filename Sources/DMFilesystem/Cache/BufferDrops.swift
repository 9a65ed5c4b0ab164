import DeviceMapper
import Glibc
import Synchronization
import SystemPackage

/// The drops of pages that BLKFLSBUF asks for: one at a time for each device, on a thread.
///
/// It may take as long as a request on a cached page is held. A read is waited for here: a thread that waits
/// in the kernel for its page can't be ended, not even by SIGKILL, and the connection neither. Whoever
/// comes meanwhile waits for the next drop, which begins after that, with all others who came; so however
/// many ask, it is one thread.
final class BufferDrops: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// One that is waited for, by a client who may give it up.
    final class Waiter: Sendable {
        private let isClaimed = Atomic<Bool>(false)
        private let isOver: @Sendable () -> Void

        /// `isOver` is called when it has ended, unless it was given up.
        init(_ isOver: @escaping @Sendable () -> Void) { self.isOver = isOver }

        /// True once: whoever gets it goes on with the client's request, or answers it.
        func claim() -> Bool { !isClaimed.exchange(true, ordering: .acquiringAndReleasing) }

        fileprivate var isAnswered: Bool { isClaimed.load(ordering: .acquiring) }
        fileprivate func end() { if claim() { isOver() } }
    }

    /// Guards `next`. Leaf.
    private let lock = Lock(rank: .leaf, name: "BufferDrops.lock")
    /// Those who wait for the next drop of a device, of each that has one under way.
    private var next: [NodeNumber: [Waiter]] = [:]

    private static let longestPause: UInt32 = 50

    /// Drops what is cached of a file for `waiter`. EAGAIN: too many devices have one under way.
    func drop(
        _ node: NodeNumber, of file: DeviceHandle, _ pages: KernelPages, for waiter: Waiter
    ) throws(DMError) {
        let isFirst = try lock.withLock { () throws(DMError) -> Bool in
            guard next[node] == nil else {
                next[node]?.append(waiter)
                return false
            }
            guard next.count < Limits.bufferFlushes else {
                throw DMError(.resourceTemporarilyUnavailable)
            }
            next[node] = []
            return true
        }
        guard isFirst else { return }
        do {
            try Thread.start("dmfuse-cache") { [self] in run(node, file, pages, [waiter]) }
        } catch {
            // No thread is left. The cache stays, which can do no harm.
            for waiter in [waiter] + takeNext(node, isLast: true) { waiter.end() }
        }
    }

    private func run(
        _ node: NodeNumber, _ file: DeviceHandle, _ pages: KernelPages, _ first: [Waiter]
    ) {
        var waiters = first
        while !waiters.isEmpty {
            if waitUntilFree(file, waiters) { pages.drop(node) }
            for waiter in waiters { waiter.end() }
            waiters = takeNext(node, isLast: false)
        }
    }

    /// Waits until no read of the device's openers is held. False: those who wanted the drop have all
    /// given it up.
    private func waitUntilFree(_ file: DeviceHandle, _ waiters: [Waiter]) -> Bool {
        var pause: UInt32 = 1
        while waiters.contains(where: { !$0.isAnswered }) {
            guard file.holdsRead else { return true }
            usleep(pause * 1000)
            pause = min(pause * 2, BufferDrops.longestPause)
        }
        return false
    }

    /// Those who wait for the next drop. Where there are none, or with `isLast`, none is under way any more.
    private func takeNext(_ node: NodeNumber, isLast: Bool) -> [Waiter] {
        lock.withLock {
            let waiters = next[node] ?? []
            next[node] = waiters.isEmpty || isLast ? nil : []
            return waiters
        }
    }

    /// A client has given it up.
    func forget(_ waiter: Waiter, of node: NodeNumber) {
        lock.withLock { next[node]?.removeAll { $0 === waiter } }
    }
}
