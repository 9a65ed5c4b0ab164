import SystemPackage

/// A target's own read, write, discard or flush of a lower device.
///
/// The target makes as many as it has under way at once, and uses each again and again: no memory is
/// allocated for one but that of its bytes. Each counts as in flight in the target's device, so a suspend,
/// a swap and a removal wait for it. It may begin while a request is in flight in the target, and from
/// `didResume` to `willSuspend`; what is waited for (`AwaitedIO`), in each call that may wait.
final class TargetIO: @unchecked Sendable {
    // @unchecked: one thread at a time has it; hand-overs go through locks.

    /// Borrowed: the device has it, and the table, which has the target, holds the device.
    private let queue: Unmanaged<RequestQueue>
    private let completion: @Sendable (TargetIO, Errno?) -> Void
    private var request: IORequest?
    private var seenError = ErrorStamp.now()

    /// `completion`: once for each transfer, on any thread, no lock held; `error` nil: done. It may begin
    /// the next one. It must not wait.
    init(
        _ context: TargetContext, completion: @escaping @Sendable (TargetIO, Errno?) -> Void
    ) {
        queue = context.queue
        self.completion = completion
        request = IORequest { [unowned self] in ended($0) }
    }

    /// `length` bytes from byte `offset` of `device` on. They are in `data` at completion. ENOMEM.
    func read(from device: LowerDevice, at offset: UInt64, length: Int) {
        begin(on: device) { $0.prepareRead(offset: offset, length: length) }
    }

    /// Writes `length` bytes of `payload`, from its byte `start` on. `forceUnitAccess`: durable at
    /// completion.
    func write(
        _ payload: Payload, from start: Int = 0, length: Int, to device: LowerDevice,
        at offset: UInt64, forceUnitAccess: Bool = false
    ) {
        begin(on: device) {
            $0.prepareWrite(
                offset: offset, payload: payload, at: start, length: length,
                forceUnitAccess: forceUnitAccess)
        }
    }

    /// `prepareRange`: discard or write-zeroes.
    func change(
        _ operation: IOOperation, from offset: UInt64, length: Int, of device: LowerDevice
    ) {
        begin(on: device) { $0.prepareRange(operation, offset: offset, length: length) }
    }

    /// All that was acknowledged so far is durable at completion. EIO and the like: it isn't.
    func flush(_ device: LowerDevice) { begin(on: device) { $0.prepareFlush() } }

    /// The bytes of a read that succeeded, until the next transfer begins.
    var data: UnsafeRawBufferPointer {
        request?.data ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func begin(on device: LowerDevice, _ prepare: (IORequest) -> Void) {
        guard let request else { preconditionFailure("a target's transfer without its request") }
        prepare(request)
        // Whoever begins it may be on any thread, and doesn't wait for a backing store.
        request.placement = .handOver
        queue._withUnsafeGuaranteedRef { $0.enterBypassing() }
        device.submit(request)
    }

    private func ended(_ request: IORequest) {
        let (newest, _) = request.writeBackErrors
        // Each error once, as an opener is told of it.
        let error = request.error ?? (newest > seenError ? newest.errno : nil)
        seenError = max(seenError, newest)
        // Held over `leave`: with that the device may go, and nobody else has the queue then.
        let queue = queue.takeUnretainedValue()
        completion(self, error)
        queue.leave()
    }
}
