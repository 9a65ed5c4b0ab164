import Synchronization
import SystemPackage

/// What the bytes of held writes may take of memory, and the spill file beyond it.
package final class HeldMemory: Sendable {
    /// Bytes in memory.
    private let used: Bound
    /// Bytes of writes that wait for an I/O thread to spill them.
    private let inTransit: Bound
    private let spill: SpillFile
    private let workers: IOWorkers

    /// How the bytes of a write are kept.
    enum Kept {
        case inMemory(Payload)
        case spilled(SpilledBytes)
    }

    init(limit: Int, spillDirectory: ByteString, workers: IOWorkers) {
        used = Bound(limit)
        inTransit = Bound(max(limit, Limits.heldBytesInTransit))
        spill = SpillFile(directory: spillDirectory)
        self.workers = workers
    }

    /// Bytes of held writes in memory.
    var bytesInMemory: Int { used.inUse }

    /// Gives a write bytes of its own, then calls `hold`. Nil: it may be held. ENOMEM: neither memory nor a
    /// spill file has room. Spilling may be slow, so `hold` may run on an I/O thread.
    func keep(_ request: IORequest, then hold: @escaping @Sendable (Errno?) -> Void) {
        guard request.needsKeeping else { return hold(nil) }
        if let payload = copy(request.bytesToWrite) {
            request.keep(.inMemory(payload))
            return hold(nil)
        }
        if request.placement.isOnIOThread { return hold(spill(request)) }
        if workers.beginInline() {
            let error = spill(request)
            workers.endInline()
            return hold(error)
        }
        let length = request.length
        guard inTransit.begin(length) else { return hold(.noMemory) }
        workers.run { [self] in
            let error = spill(request)
            inTransit.end(length)
            hold(error)
        }
    }

    private func spill(_ request: IORequest) -> Errno? {
        guard let spilled = spill.keep(request.bytesToWrite) else { return .noMemory }
        request.keep(.spilled(spilled))
        return nil
    }

    /// Within the budget, and where there is memory.
    private func copy(_ bytes: UnsafeRawBufferPointer) -> Payload? {
        guard used.begin(bytes.count) else { return nil }
        guard MemoryReserve.allows(bytes.count),
            let payload = Payload(allocating: bytes.count, within: self)
        else {
            giveBack(bytes.count)
            return nil
        }
        if let start = bytes.baseAddress {
            payload.memory.copyMemory(from: start, byteCount: bytes.count)
        }
        return payload
    }

    func giveBack(_ count: Int) { used.end(count) }
}
