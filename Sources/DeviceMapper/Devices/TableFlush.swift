import SystemPackage

/// One flush of a table's lower devices that nobody outside asked for.
///
/// It outlives a caller that gives up: it counts as in flight, so the table stays until it ends. It doesn't
/// keep the table itself: what its targets share would outlive a removal by as long as the thread that ended
/// the flush gets no CPU.
final class TableFlush: @unchecked Sendable {
    // @unchecked: `isDone` is guarded by `lock`.
    private let device: MappedDevice
    private let lock = Lock(rank: .leaf, name: "TableFlush.lock")
    private let done = Condition()
    private var isDone = false
    private var request: IORequest?

    init(for device: MappedDevice) { self.device = device }

    func start(of table: Table) {
        // Keeps itself until it ends: the completion owns it, and is dropped there.
        let request = IORequest { request in
            self.ended(request)
        }
        self.request = request
        request.prepareFlush()
        request.bypassesSuspension = true
        // Not here: whoever waits may give up, and a slow store must not keep him.
        request.placement = .handOver
        device.disk.queue.enterBypassing()
        request.enter(device)
        table.flush(request)
    }

    func wait(_ interrupt: Interrupt?) throws(DMError) {
        try done.wait(lock, interrupt, until: { isDone }, then: {})
    }

    private func ended(_ request: IORequest) {
        let (newest, unreported) = request.writeBackErrors
        device.earlierErrors.record(newest: newest, unreported: unreported)
        lock.withLock {
            isDone = true
            self.request = nil
            done.broadcast()
        }
    }
}
