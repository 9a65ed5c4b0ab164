import CFuse
import DeviceMapper
import Synchronization
import SystemPackage

/// A READ, WRITE, FSYNC or FALLOCATE under way to a device, which may hold it. Pooled: it costs no
/// allocation, unless more are under way than usual.
///
/// One thread at a time owns it, by way of `state`.
final class FileRequest: Interruptible, @unchecked Sendable {
    // @unchecked: `request` and `file` are written before `state.begin` and cleared by whoever
    // `state` lets give the object back.

    /// The way from the core's request to ours, which is made after it.
    private final class Link: @unchecked Sendable {
        var owner: Unmanaged<FileRequest>?
    }

    /// What a request has to do with the kernel's page cache.
    private enum Paging { case write(CachedWrite), read(PageReads.Mark) }

    private let state = RequestState()
    private let io: IORequest
    private var request: fuse_req_t?
    private var file: DeviceHandle?
    /// `file`, for others who only compare it; 0: none.
    private let fileAddress = Atomic<UInt>(0)
    /// Of BLKFLSBUF, which came by ioctl(2).
    private var drop: (waiter: BufferDrops.Waiter, giveUp: () -> Void)?
    private var paging: Paging?
    /// Counted for the time of a call: who gives the last request back may be in there when the session
    /// ends.
    private unowned let pool: FileRequestPool
    /// It may be freed as soon as it is given back; others stay until the session ends.
    let isSurplus: Bool

    init(pool: FileRequestPool, isSurplus: Bool) {
        self.isSurplus = isSurplus
        let link = Link()
        io = IORequest(
            delivery: { _ in link.owner?._withUnsafeGuaranteedRef { $0.deliver() } ?? false },
            completion: { _ in link.owner?._withUnsafeGuaranteedRef { $0.complete() } })
        self.pool = pool
        link.owner = .passUnretained(self)
    }

    // MARK: Submitting

    /// `noted`: it arrived while pages are dropped, or soon after.
    func read(
        _ extent: Extent, of file: DeviceHandle, noted: PageReads.Mark?, _ reply: consuming Reply
    ) {
        if let noted { paging = .read(noted) }
        io.prepareRead(offset: extent.offset, length: extent.length)
        submit(to: file, reply)
    }

    /// Writes the bytes of `payload` from its byte `start` on. `cached`: they came through the page
    /// cache, by a write(2).
    func write(
        _ extent: Extent, of file: DeviceHandle, _ payload: Payload, at start: Int,
        forceUnitAccess: Bool, cached: CachedWrite?, _ reply: consuming Reply
    ) {
        if let cached { paging = .write(cached) }
        io.prepareWrite(
            offset: extent.offset, payload: payload, at: start, length: extent.length,
            forceUnitAccess: forceUnitAccess)
        submit(to: file, reply)
    }

    /// A discard or write-zeroes.
    func change(
        _ operation: IOOperation, _ extent: Extent, of file: DeviceHandle,
        _ reply: consuming Reply
    ) {
        io.prepareRange(operation, offset: extent.offset, length: extent.length)
        submit(to: file, reply)
    }

    func flush(_ file: DeviceHandle, _ reply: consuming Reply) {
        io.prepareFlush()
        submit(to: file, reply)
    }

    /// BLKFLSBUF: writes back what mappings changed of the file, drops what is cached of it, and flushes
    /// the device, suspended or not. The first may have to wait for held requests, which a client who is
    /// to end doesn't.
    func flushBuffers(
        of file: DeviceHandle, node: NodeNumber, _ session: Session, _ reply: consuming Reply
    ) {
        let waiter = BufferDrops.Waiter { [self] in file.submit(io) }
        let drops = session.bufferDrops
        drop = (waiter, { drops.forget(waiter, of: node) })
        io.prepareFlush(bypassing: true)
        begin(with: file, reply)
        do {
            try drops.drop(node, of: file, session.pages, for: waiter)
        } catch {
            if waiter.claim(), endDrop(error.errno) { giveBack() }
        }
    }

    /// Answers a client who goes without a drop. True: the caller gives this back to the pool.
    private func endDrop(_ error: Errno) -> Bool {
        guard let request else { preconditionFailure("a request was given back too early") }
        Reply(request).error(error)
        return state.finish()
    }

    private func submit(to file: DeviceHandle, _ reply: consuming Reply) {
        begin(with: file, reply)
        file.submit(io)
    }

    private func begin(with file: DeviceHandle, _ reply: consuming Reply) {
        let request = reply.postpone()
        self.request = request
        self.file = file
        fileAddress.store(UInt(bitPattern: ObjectIdentifier(file)), ordering: .relaxed)
        state.begin(RequestState.token(cfuse_current_number()))
        // Before submitting, after which the request may be gone. libfuse calls the function in here
        // when the interruption came first.
        fuse_req_interrupt_func(
            request, requestInterrupted, Unmanaged.passUnretained(self).toOpaque())
    }

    // MARK: Completion

    /// On any thread, also within `submit`.
    private func complete() {
        guard let request else { preconditionFailure("a request completed that was not begun") }
        if case .write(let cached) = paging, let taken = taken(by: cached) {
            if cached.mayBeStale(length: io.length) { return settle(cached, taken: taken) }
            Reply(request).written(taken)
        } else if !io.wasDelivered {
            answer(Reply(request))
        }
        if case .read(let mark) = paging { mark.end() }
        if state.finish() { giveBack() }
    }

    /// How many bytes of a write through the page cache count as written. Its error is told by a later fsync,
    /// as a block device's, which fails when it is written back. The kernel cuts a call at pages into
    /// several WRITEs, and sends none after one that failed: what is beside a bad sector would be lost with
    /// it. Nil: none, and the error is told at once, since its client gave up, memory was lacking, or the
    /// device ends.
    ///
    /// Where nothing at all is done, a part of a block with which it ends isn't taken: a block device's write
    /// ends there, too, as the block couldn't be read before a part of it is changed.
    private func taken(by write: CachedWrite) -> Int? {
        guard let error = io.error else { return io.length }
        guard error != .interrupted, error != .noMemory, !io.forceUnitAccess, let file else {
            return nil
        }
        let taken =
            io.isPartlyDone
            ? io.length : write.wholeLength(of: io.length, blockSize: file.cacheBlockSize)
        return taken > 0 && file.keepError(error) ? taken : nil
    }

    /// Answers a write through the page cache when no page of it can be older than it.
    private func settle(_ write: CachedWrite, taken: Int) {
        guard let file else { preconditionFailure("a request was given back too early") }
        write.settle(length: io.length, of: file) { [self] in
            guard let request else { preconditionFailure("a request was given back too early") }
            Reply(request).written(taken)
            if state.finish() { giveBack() }
        }
    }

    private func answer(_ reply: consuming Reply) {
        if let error = io.error {
            return reply.error(error == .interrupted ? interruption : error)
        }
        switch io.operation {
        case .read: reply.data(io.data)
        case .write: reply.written(io.length)
        case .flush where drop != nil: reply.controlled()
        case .flush, .discard, .writeZeroes: reply.done()
        }
    }

    /// EINTR makes many a client try again, for which nobody is left at the end.
    private var interruption: Errno { pool.isOver ? .ioError : .interrupted }

    /// A read whose bytes are taken from mapped files, before the devices let it go.
    private func deliver() -> Bool {
        guard let request else { preconditionFailure("a request completed that was not begun") }
        return io.withVectors { Reply(request).data($0) }
    }

    private func giveBack() {
        request = nil
        drop = nil
        paging = nil
        fileAddress.store(0, ordering: .releasing)
        file = nil
        io.release()
        state.clear()
        guard isSurplus else { return pool.give(self) }
        // The pool may free it, of which the callers on this stack know nothing.
        let whole = Unmanaged.passRetained(self)
        pool.give(self)
        whole.release()
    }

    // MARK: Interruption

    /// The client of the request with that token got a signal. False: it is noted already, or it was a
    /// request that was here before.
    func noteInterrupt(_ token: UInt) -> Bool { state.interrupt(token) }

    /// At the end of the session: whatever is here shall go.
    func cancelAny() {
        if let token = state.interruptAny() { _ = cancel(token) }
    }

    /// Cancels an interrupted request if a device holds it. False: it is answered, or about to be.
    /// True: it may still be under way, and be held later.
    func cancel(_ token: UInt) -> Bool {
        guard state.pin(token) else { return false }
        if let drop, drop.waiter.claim() {
            drop.giveUp()
            // Not to be given back: it is pinned.
            _ = endDrop(interruption)
        } else {
            _ = file?.cancel(io)
        }
        guard state.unpin() else { return true }
        giveBack()
        return false
    }

    /// Whether it is a request that isn't answered, of an opener at one of these addresses. Any thread.
    func isOf(_ openers: Set<UInt>) -> Bool {
        openers.contains(fileAddress.load(ordering: .acquiring))
    }

    /// Whether an interrupted request still waits for its answer.
    func isPending(_ token: UInt) -> Bool { state.isInterrupted(token) }
}

/// Runs in libfuse with that request's lock held. To take that lock again (`fuse_req_interrupt_func`)
/// would hang; answering doesn't take it, but may take locks of the core, so that is left to another
/// thread.
@c(dmfs_request_interrupted)
func requestInterrupted(_ request: fuse_req_t?, _ context: UnsafeMutableRawPointer?) {
    guard let request, let context, let owner = cfuse_request_owner(request) else { return }
    let client = fuse_req_ctx(request).pointee.pid
    // Borrowed: a session outlives its threads and requests. What `context` is the address of may be
    // freed.
    Unmanaged<Session>.fromOpaque(owner)._withUnsafeGuaranteedRef {
        $0.requests.noteInterrupted(
            at: context, token: RequestState.token(cfuse_current_number()), client: client)
    }
}
