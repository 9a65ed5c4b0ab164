import SystemPackage

/// A target's own I/O that is waited for: in its constructor, and in those of its calls that may wait. One
/// transfer at a time, by one thread at a time.
final class AwaitedIO: @unchecked Sendable {
    // @unchecked: `isUnderWay` and `error` are guarded by `lock`.

    private let lock = Lock(rank: .leaf, name: "AwaitedIO.lock")
    private let done = Condition()
    private var isUnderWay = false
    private var error: Errno?
    private var io: TargetIO?

    init(_ context: TargetContext) {
        io = TargetIO(context) { [unowned self] _, error in
            lock.withLock {
                self.error = error
                isUnderWay = false
                done.broadcast()
            }
        }
    }

    /// Waits for the transfer that `begin` begins. EINTR: it goes on, and its result is lost; the next call
    /// waits for it first.
    func run(_ interrupt: Interrupt?, _ begin: (TargetIO) -> Void) throws(DMError) {
        guard let io else { preconditionFailure("a target's I/O without its transfer") }
        try done.wait(lock, interrupt, until: { !isUnderWay }, then: { isUnderWay = true })
        begin(io)
        let error = try done.wait(lock, interrupt, until: { !isUnderWay }, then: { self.error })
        if let error { throw DMError(error) }
    }

    /// The bytes of a read that `run` waited for, until the next one.
    var data: UnsafeRawBufferPointer {
        io?.data ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}
