import SystemPackage

/// A store that answers later gets a request on the thread that brings it, and the request goes on
/// from the thread that answers. No thread waits for one, and so none is bounded.
extension BackingDevice {
    /// The caller holds the device until it returns, which may be after the end of the request.
    func begin(_ request: IORequest, _ store: any AsynchronousStore) {
        if request.operation == .flush { return flush(request) }
        if request.spilled != nil && !request.placement.isOnIOThread {
            // Its bytes are read from a file first, for which a thread waits.
            return workers.run { self.transfer(request, store) }
        }
        transfer(request, store)
    }

    private func transfer(_ request: IORequest, _ store: any AsynchronousStore) {
        guard let transfer = TransferPool.shared.take() else { return request.finish(.noMemory) }
        let isForced = request.forceUnitAccess && store.forcesUnitAccess
        if let error = transfer.prepare(request, forced: isForced) {
            TransferPool.shared.give(transfer)
            return request.finish(error)
        }
        transfer.start(store, of: self)
    }

    func beginFlush(_ requests: [IORequest], _ store: any AsynchronousStore) {
        let transfer = TransferPool.shared.takeAlways()
        transfer.prepareFlush(requests)
        transfer.start(store, of: self)
    }

    /// The store is done with a transfer of this. The caller holds the device until it returns.
    func ended(_ transfer: StoreTransfer, _ error: Errno?) {
        let needsFlush = transfer.operation == .write && !transfer.forceUnitAccess && error == nil
        let (request, flushes) = transfer.takeRequests()
        TransferPool.shared.give(transfer)
        // This thread is the store's: what follows of the request is no I/O in place.
        guard let request else {
            for flush in flushes { flush.placement = .handOver }
            return endFlush(flushes, error)
        }
        request.placement = .handOver
        if needsFlush && request.forceUnitAccess { return flush(request) }
        request.finish(error)
    }
}
