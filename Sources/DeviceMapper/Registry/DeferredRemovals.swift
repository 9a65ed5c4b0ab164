/// Removes devices after their last close, on a thread of its own: a close may come from a table's
/// destructor or from a thread that serves the mount, and neither may wait for a removal.
final class DeferredRemovals: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "DeferredRemovals.lock")
    private let done = Condition()
    private var cells = FIFO<HashCell>()
    private var isRunning = false
    private var scheduled: UInt64 = 0
    private var completed: UInt64 = 0

    /// Any lock may be held, but a leaf.
    func schedule(_ cell: HashCell, in registry: DeviceRegistry) {
        let startsThread = lock.withLock { () -> Bool in
            cells.append(cell)
            scheduled += 1
            defer { isRunning = true }
            return !isRunning
        }
        guard startsThread else { return }
        do {
            try Thread.start("dmfuse-remove", .removal) { self.work(registry) }
        } catch {
            // No thread to be had: the mark stays, and `finishScheduled` or the next close tries again.
            lock.withLock { isRunning = false }
        }
    }

    /// Whether all that was scheduled is done. Any lock may be held, but a leaf.
    var isIdle: Bool { lock.withLock { completed == scheduled } }

    /// Waits a bounded moment until what was scheduled so far is done.
    func finishScheduled(in registry: DeviceRegistry, until deadline: Deadline) {
        // No thread was to be had before: this one does it.
        let isOurs = lock.withLock { () -> Bool in
            guard !cells.isEmpty, !isRunning else { return false }
            isRunning = true
            return true
        }
        if isOurs { work(registry) }
        lock.withLock {
            let goal = scheduled
            while completed < goal {
                if !done.wait(lock, until: deadline) { return }
            }
        }
    }

    private func work(_ registry: DeviceRegistry) {
        while let cell = next() {
            registry.removeDeferred(cell)
            lock.withLock {
                completed += 1
                done.broadcast()
            }
        }
    }

    private func next() -> HashCell? {
        lock.withLock {
            let cell = cells.popFirst()
            isRunning = cell != nil
            return cell
        }
    }
}
