/// Requests that wait here: deferred while the device is suspended, for an earlier one after that, or for a block.
extension MappedDevice: RangeOrderOwner {
    func startInOrder(_ request: IORequest) {
        request.placement = .handOver
        start(request)
    }

    func enterInOrder(_ request: IORequest) { request.enter(self) }

    /// Refuses requests for good, and fails those that wait here. Not `forAll`: those of openers; what targets
    /// of a device above do by themselves goes on.
    func refuseRequests(forAll: Bool) {
        let (refused, admitted) = disk.queue.shut(forAll: forAll)
        for request in refused + order.withdraw(where: { forAll || $0.handle != nil }) {
            request.finish(.ioError)
        }
        for request in admitted { startInOrder(request) }
    }

    /// Whether a request matches that is deferred, or waits for another one here.
    func holds(where matches: (IORequest) -> Bool) -> Bool {
        disk.queue.holds(where: matches) || order.holds(where: matches)
            || tables.live?.holdsWrite(where: matches) == true
    }

    /// Takes those of them back that are `whole` or parts of it.
    func withdraw(_ whole: IORequest) -> [IORequest] {
        disk.queue.withdraw(whole) + order.withdraw { $0.belongs(to: whole) }
            + (tables.live?.withdrawWrites { $0.belongs(to: whole) } ?? [])
    }
}
