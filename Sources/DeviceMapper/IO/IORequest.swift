import Synchronization
package import SystemPackage

/// What a request asks of a device.
package enum IOOperation: UInt8, Sendable {
    case read, write, flush
    /// Gives a range back to the store below, where it reads as zeros afterwards. EOPNOTSUPP: the
    /// store can't, and nothing has changed.
    case discard
    /// Writes zeros without bringing them along.
    case writeZeroes

    /// Whether it changes what a later read finds.
    @inline(__always)
    package var isChange: Bool { self != .read && self != .flush }

    /// Whether it is about a range, up to a whole device, that no bytes go with.
    @inline(__always)
    var isRange: Bool { self == .discard || self == .writeZeroes }
}

/// One request to a device, or one part of it.
///
/// Prepared, submitted through a `DeviceHandle`, completed exactly once for each submission, then
/// ready to be prepared again, so that a pool of them costs no allocation for a request. The owner
/// may drop it only while it is not submitted.
///
/// On its way down it carries a frame for each mapped device that admitted it and each target that
/// wants to hear of its end; completion walks the frames back up. Where one table line or chunk is
/// not enough, it stays with its device and parts of it, requests too, go down instead.
///
/// No lock: one thread at a time owns a request, hand-overs go through locks. What parts of one
/// request share is atomic.
package final class IORequest: @unchecked Sendable {
    /// What admitted the request, or wants to hear of its end. Borrowed: an admitted request keeps
    /// its device and that device's live table from being freed.
    struct Frame {
        let device: Unmanaged<MappedDevice>?
        let watcher: Unmanaged<EndWatcher>?
        /// Where the request was for the watcher, in bytes.
        let offset: UInt64
        /// A watcher's own; of a device, when it admitted the request (`IOStatistics`).
        let tag: Int
    }

    package private(set) var operation = IOOperation.read
    /// Bytes from the start of the device that it is at.
    var offset: UInt64 = 0
    /// The same of the device that it was submitted to.
    private(set) var firstOffset: UInt64 = 0
    package private(set) var length = 0
    /// Write: durable when completed.
    package private(set) var forceUnitAccess = false

    /// Which thread does its I/O to backing devices.
    package var placement = Placement.submitter
    /// A flush of our own, for which no device is suspended: it changes nothing that a suspend
    /// promises, and the release of a table may not wait for somebody's resume.
    var bypassesSuspension = false

    /// The bytes of a write, and where in them this request's begin.
    var payload: Payload?
    /// The same bytes in a spill file, in the place of `payload`.
    var spilled: SpilledBytes?
    var payloadOffset = 0
    /// Reads: the whole request's buffer, made when the first part needs it. In the whole request
    /// only.
    let readBuffer = Atomic<UnsafeMutableRawPointer?>(nil)
    /// Where in the whole request's buffer this part's bytes go.
    var readOffset = 0
    /// How these bytes of a part lie there, one stretch after another.
    var stretches = Stretches.one

    /// Bytes of a read that stay in mapped files. In a whole request that can be delivered only.
    let lent: LentPieces
    /// Whether bytes of this may be lent. Only while the request crosses its devices as a whole: its frames
    /// keep the files open until it is delivered.
    private(set) var mayBorrow = false
    /// `delivery` was called: there is nothing left in the completion to be taken.
    package private(set) var wasDelivered = false

    private let delivery: (@Sendable (IORequest) -> Bool)?
    private let completion: (@Sendable (IORequest) -> Void)?
    /// Parts: the request that this is a part of, and the whole that it belongs to.
    private(set) var parent: IORequest?
    private var root: Unmanaged<IORequest>?
    /// The request whose buffer a read's bytes go to: the whole one, or a part with bytes of its own.
    private var bytesOwner: Unmanaged<IORequest>?
    /// The opener that submitted this, borrowed: handles outlive their requests.
    var handle: Unmanaged<DeviceHandle>?

    /// For each device of the deepest stack a frame of its own, of the target that watches, of the order in
    /// which deferred requests go on, and of that in which blocks are written.
    private static let maximumFrames = 4 * Limits.stackedDevices
    /// Most stacks are not so deep.
    private static let usualFrames = 16
    private var frames: UnsafeMutablePointer<Frame>
    private var frameCapacity = usualFrames
    private var frameCount = 0

    /// Parts not completed yet, and one for the splitting itself.
    private let remaining = Atomic<Int>(0)
    /// Where the splitting goes on. For the thread that splits it.
    var cut = Cut()
    /// Its client gave it up while some of it was held. In the whole request.
    private let isGivenUp = Atomic<Bool>(false)
    private let firstError = Atomic<Int32>(0)
    /// A part was done as a whole.
    private let isPartDone = Atomic<Bool>(false)
    /// The newest write-back error that a flush met (`ErrorStamp`), 0: none.
    private let stamp = Atomic<UInt64>(0)
    /// The newest of these that no opener was told of yet, 0: none.
    private let unreportedStamp = Atomic<UInt64>(0)

    /// `completion` runs once for each submission, inline or on another thread, with no lock held
    /// and no frame left. It may prepare and submit the request again.
    ///
    /// `delivery`, where it is given, may be called before, once, for a read that succeeded: it
    /// takes the bytes by `withVectors`, while devices hold the request, and without touching them
    /// itself. False: they could not be taken, and the request fails EIO.
    package init(
        delivery: (@Sendable (IORequest) -> Bool)? = nil,
        completion: @escaping @Sendable (IORequest) -> Void
    ) {
        lent = LentPieces(capacity: delivery == nil ? 0 : LentPieces.maximum)
        self.delivery = delivery
        self.completion = completion
        frames = .allocate(capacity: IORequest.usualFrames)
    }

    /// A part, for the pool.
    init() {
        lent = LentPieces(capacity: 0)
        delivery = nil
        completion = nil
        frames = .allocate(capacity: IORequest.usualFrames)
    }

    deinit {
        precondition(frameCount == 0, "a request was dropped while a device held it")
        dropReadBuffer()
        frames.deallocate()
    }

    // MARK: Preparing

    /// `length` bytes from byte `offset` of the device. The bytes are in `data` at completion.
    package func prepareRead(offset: UInt64, length: Int) {
        prepare(.read, offset, length)
        mayBorrow = delivery != nil
    }

    /// Writes `length` bytes of `payload`, from its byte `start` on, to byte `offset` of the
    /// device.
    package func prepareWrite(
        offset: UInt64, payload: Payload, at start: Int, length: Int, forceUnitAccess: Bool = false
    ) {
        precondition(
            start >= 0 && length >= 0 && length <= payload.capacity - start,
            "a write outside its payload")
        prepare(.write, offset, length)
        self.payload = payload
        payloadOffset = start
        self.forceUnitAccess = forceUnitAccess
    }

    /// Discards `length` bytes from byte `offset` of the device on, or makes them zeros.
    package func prepareRange(_ operation: IOOperation, offset: UInt64, length: Int) {
        precondition(operation.isRange && length >= 0, "no operation on a range")
        prepare(operation, offset, length)
    }

    /// Brings everything acknowledged so far onto the backing store. `bypassing`: it
    /// goes on also where a device is suspended, here or below.
    package func prepareFlush(bypassing: Bool = false) {
        prepare(.flush, 0, 0)
        bypassesSuspension = bypassing
    }

    private func prepare(_ operation: IOOperation, _ offset: UInt64, _ length: Int) {
        precondition(frameCount == 0, "a request was prepared while submitted")
        dropReadBuffer()
        self.operation = operation
        self.offset = offset
        firstOffset = offset
        self.length = length
        forceUnitAccess = false
        placement = .submitter
        mayBorrow = false
        wasDelivered = false
        bypassesSuspension = false
        dropPayload()
        payloadOffset = 0
        readOffset = 0
        stretches = .one
        isGivenUp.store(false, ordering: .relaxed)
        firstError.store(0, ordering: .relaxed)
        isPartDone.store(false, ordering: .relaxed)
        stamp.store(0, ordering: .relaxed)
        unreportedStamp.store(0, ordering: .relaxed)
    }

    /// Makes this the part of `whole` that is `length` bytes from its byte `start` on, in one stretch
    /// or several; a flush has no bytes. The part begins at byte `offset` of whatever it is submitted
    /// to. What is in several stretches goes to backing devices only.
    func becomePart(
        of whole: IORequest, from start: Int, _ stretches: Stretches = .one, length: Int,
        offset: UInt64
    ) {
        precondition(whole.stretches.isOne, "a part of scattered bytes")
        prepare(whole.operation, offset, length)
        self.stretches = stretches
        belong(to: whole)
        bytesOwner = whole.bytesOwner ?? .passUnretained(whole)
        mayBorrow = whole.mayBorrow
        payload = whole.payload
        spilled = whole.spilled
        payloadOffset = whole.payloadOffset + start
        readOffset = whole.readOffset + start
    }

    /// Makes this a part of `whole` with bytes of its own: those of a read are in memory of its own, those of
    /// a write are all of `payload`. It is about `bytes` of the device.
    func becomePart(
        of whole: IORequest, _ operation: IOOperation, of bytes: Range<UInt64>,
        with payload: Payload?
    ) {
        prepare(operation, bytes.lowerBound, bytes.count)
        belong(to: whole)
        forceUnitAccess = forceUnitAccess && operation == .write
        bytesOwner = .passUnretained(self)
        self.payload = payload
    }

    private func belong(to whole: IORequest) {
        parent = whole
        root = whole.root ?? Unmanaged.passUnretained(whole)
        handle = whole.handle
        placement = whole.placement
        bypassesSuspension = whole.bypassesSuspension
        forceUnitAccess = whole.forceUnitAccess
    }

    // MARK: Frames

    /// A device admitted the request.
    func enter(_ device: MappedDevice) {
        // A part leaves its devices before the whole request is delivered.
        if parent != nil { mayBorrow = false }
        let began = device.statistics.begin(self)
        push(
            Frame(device: Unmanaged.passUnretained(device), watcher: nil, offset: 0, tag: began))
    }

    /// `watcher` wants to hear of the end of this, which goes on to a device. It lives until then.
    @inline(__always)
    func watch(_ watcher: Unmanaged<EndWatcher>, tag: Int) {
        push(Frame(device: nil, watcher: watcher, offset: offset, tag: tag))
    }

    /// The bytes of this read are needed in memory when it ends: they aren't lent.
    func readIntoMemory() { mayBorrow = false }

    @inline(__always)
    private func push(_ frame: Frame) {
        let index = frameCount
        if index == frameCapacity { growFrames() }
        (frames + index).initialize(to: frame)
        frameCount = index &+ 1
    }

    @inline(never)
    private func growFrames() {
        precondition(frameCount < IORequest.maximumFrames, "deeper than any stack may be")
        let more = UnsafeMutablePointer<Frame>.allocate(capacity: IORequest.maximumFrames)
        more.moveInitialize(from: frames, count: frameCount)
        frames.deallocate()
        frames = more
        frameCapacity = IORequest.maximumFrames
    }

    /// Whether it is that request, or a part of it.
    func belongs(to whole: IORequest) -> Bool {
        self === whole || root?.toOpaque() == Unmanaged.passUnretained(whole).toOpaque()
    }

    /// The whole request that this belongs to, without counting a reference: it outlives its parts.
    func withWhole<Result>(_ body: (IORequest) -> Result) -> Result {
        if let root { return root._withUnsafeGuaranteedRef(body) }
        return body(self)
    }

    /// The request whose buffer the bytes of a read go to.
    func withBytesOwner<Result>(_ body: (IORequest) -> Result) -> Result {
        if let bytesOwner { return bytesOwner._withUnsafeGuaranteedRef(body) }
        return body(self)
    }

    // MARK: Completion

    /// Ends the request, or this part of it. `error` nil: all of it done. Any thread, no lock held.
    func finish(_ error: Errno?) {
        var error = error
        if !lent.isEmpty { error = deliver(error) }
        while frameCount > 0 {
            frameCount -= 1
            let frame = (frames + frameCount).move()
            if let watcher = frame.watcher {
                offset = frame.offset
                // What parts came to isn't the end of it. Before the call: one that is taken may be another
                // thread's at once.
                let tag = frame.tag
                let wasPartDone = isPartDone.load(ordering: .relaxed)
                let isAnswered = wasDelivered
                firstError.store(0, ordering: .relaxed)
                isPartDone.store(false, ordering: .relaxed)
                let ending = watcher._withUnsafeGuaranteedRef { $0.endIO(self, tag: tag, error) }
                if ending.isTaken {
                    precondition(!isAnswered, "a read was taken that is answered")
                    return
                }
                if wasPartDone && ending.error == error {
                    isPartDone.store(true, ordering: .relaxed)
                }
                error = ending.error
            }
            if let device = frame.device {
                device._withUnsafeGuaranteedRef { $0.leave(self, began: frame.tag) }
            }
        }
        if let error { report(error) }
        if let parent {
            parent.partFinished(self)
            RequestPool.shared.give(self)
            return
        }
        dropPayload()
        if let handle, operation == .flush || forceUnitAccess {
            handle._withUnsafeGuaranteedRef { $0.account(self) }
        }
        completion?(self)
    }

    /// Lets go of the bytes of a read: it was answered, and may not be prepared again for long.
    package func release() { dropReadBuffer() }

    /// Hands a read's bytes out while some of them are lent, and gives those back.
    private func deliver(_ error: Errno?) -> Errno? {
        defer { lent.giveBack() }
        guard error == nil, let delivery else { return error }
        wasDelivered = true
        return delivery(self) ? nil : .ioError
    }

    /// Begins the cutting. `finish` comes after the last part has ended and the cutting has (`partsSubmitted`,
    /// `endOfParts`).
    func willSplit() { remaining.store(1, ordering: .relaxed) }

    /// Whether it should wait for its parts that are under way before it is cut further, since there are
    /// many of all requests.
    var shouldPause: Bool {
        RequestPool.shared.isCrowded
            && remaining.load(ordering: .relaxed) > Limits.partsOfOneBeyond
    }

    /// Call after cutting. True: all parts so far have ended, cut on here. False: the thread of the last part
    /// goes on; don't touch this any more.
    func partsSubmitted() -> Bool {
        guard dropRemaining() else { return false }
        if cut.table != nil { return true }
        finish(error)
        return false
    }

    /// Sends one part of this, which `send` makes it and submits; then this ends with it.
    func sendPart(_ send: (IORequest) -> Void) {
        willSplit()
        if !sendMore(send) { report(.noMemory) }
        endOfParts()
    }

    /// From `willSplit` on, sends a part that `send` makes. False: there is no memory.
    func sendMore(_ send: (IORequest) -> Void) -> Bool {
        guard let part = RequestPool.shared.take(for: self) else { return false }
        remaining.add(1, ordering: .relaxed)
        send(part)
        return true
    }

    /// No part is sent any more: this ends with the last one.
    func endOfParts() {
        precondition(cut.table == nil, "a request is cut in two ways")
        _ = partsSubmitted()
    }

    private func partFinished(_ part: IORequest) {
        if let error = part.error { report(error) }
        // What a write reads first is nothing of it.
        if part.isPartlyDone, part.operation != .read || operation == .read {
            isPartDone.store(true, ordering: .relaxed)
        }
        noteStamp(part.stamp.load(ordering: .relaxed))
        noteUnreported(part.unreportedStamp.load(ordering: .relaxed))
        guard dropRemaining() else { return }
        guard let table = cut.table else { return finish(error) }
        // Whatever thread this is, it isn't here to do I/O of the parts that follow.
        placement = .handOver
        table._withUnsafeGuaranteedRef { $0.cutOn(self) }
    }

    /// Whether all parts have ended, and the splitting as far as it is done.
    private func dropRemaining() -> Bool {
        remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
    }

    /// Nothing more is cut from the whole request than is under way: its client gave it up.
    func giveUp() { isGivenUp.store(true, ordering: .relaxed) }

    /// Whether the whole request was given up.
    var wasGivenUp: Bool { withWhole { $0.isGivenUp.load(ordering: .relaxed) } }

    /// Forgets what made it a part, so that the pool keeps nothing alive.
    func clearForPool() {
        parent = nil
        root = nil
        bytesOwner = nil
        // Of a part with bytes of its own.
        if readBuffer.load(ordering: .relaxed) != nil { dropReadBuffer() }
        handle = nil
        cut = Cut()
        dropPayload()
    }

    /// Nil: all of the request was done. Else the first error of any part.
    package var error: Errno? {
        let code = firstError.load(ordering: .acquiring)
        return code == 0 ? nil : Errno(rawValue: code)
    }

    /// Whether some of the request was done, or all of it.
    package var isPartlyDone: Bool { error == nil || isPartDone.load(ordering: .relaxed) }

    /// Keeps the first error: of the end, of a part, of one which could not be made, or, for the opener, of a
    /// write-back that it had not seen.
    func report(_ error: Errno) {
        _ = firstError.compareExchange(
            expected: 0, desired: error.rawValue, ordering: .acquiringAndReleasing)
    }

    // MARK: Write-back errors

    /// A flush met a device with this newest error.
    func noteStamp(_ new: UInt64) {
        guard new != 0 else { return }
        _ = stamp.max(new, ordering: .relaxed)
    }

    /// A flush met an error that no opener was told of yet.
    func noteUnreported(_ new: UInt64) {
        guard new != 0 else { return }
        _ = unreportedStamp.max(new, ordering: .relaxed)
    }

    /// For the opener: the newest write-back error met, and the newest that nobody was told of.
    var writeBackErrors: (stamp: ErrorStamp, unreported: ErrorStamp) {
        (
            ErrorStamp(rawValue: stamp.load(ordering: .relaxed)),
            ErrorStamp(rawValue: unreportedStamp.load(ordering: .relaxed))
        )
    }

}
