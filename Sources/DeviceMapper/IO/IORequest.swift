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
    package var isChange: Bool { self != .read && self != .flush }

    /// Whether it is about a range, up to a whole device, that no bytes go with.
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
        let target: Unmanaged<Target>?
        /// A target's own; of a device, when it admitted the request (`IOStatistics`).
        let tag: Int
    }

    package private(set) var operation = IOOperation.read
    /// Bytes from the start of the device that it is at.
    var offset: UInt64 = 0
    package private(set) var length = 0
    /// Write: durable when completed.
    package private(set) var forceUnitAccess = false

    /// Whether a thread that submits this may do its I/O to backing devices itself, within the
    /// bound that `IOWorkers` keeps. False: always hand it to an I/O thread.
    package var mayRunInline = true
    /// A part that should run beside the ones that follow it, not before them.
    var prefersOtherThread = false
    /// The same, where a device takes its time over a part: else a hand-over costs more.
    var mayRunBeside = false
    /// Another request overlaps it and comes after it: it is done part by part on the thread that
    /// submits it.
    var keepsOrder = false
    /// A flush of our own, for which no device is suspended: it changes nothing that a suspend
    /// promises, and the release of a table may not wait for somebody's resume.
    var bypassesSuspension = false
    /// Set on our own I/O threads, which may always block.
    var isOnIOThread = false

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
    /// Whether bytes of this may be lent: the files stay open until the whole request is delivered,
    /// since what holds them open is in the whole request's frames.
    private(set) var mayBorrow = false
    /// `delivery` was called: there is nothing left in the completion to be taken.
    package private(set) var wasDelivered = false

    private let delivery: (@Sendable (IORequest) -> Bool)?
    private let completion: (@Sendable (IORequest) -> Void)?
    /// Parts: the request that this is a part of, and the whole that it belongs to.
    private(set) var parent: IORequest?
    private var root: Unmanaged<IORequest>?
    /// The opener that submitted this, borrowed: handles outlive their requests.
    var handle: Unmanaged<DeviceHandle>?

    /// A frame for each device of the deepest stack, and one for each target that watches.
    private static let maximumFrames = 2 * EdgeGraph.maximumDepth
    private let frames: UnsafeMutablePointer<Frame>
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
        frames = .allocate(capacity: IORequest.maximumFrames)
    }

    /// A part, for the pool.
    init() {
        lent = LentPieces(capacity: 0)
        delivery = nil
        completion = nil
        frames = .allocate(capacity: IORequest.maximumFrames)
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
        self.length = length
        forceUnitAccess = false
        isOnIOThread = false
        prefersOtherThread = false
        mayRunBeside = false
        mayBorrow = false
        wasDelivered = false
        keepsOrder = false
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
        parent = whole
        root = whole.root ?? Unmanaged.passUnretained(whole)
        handle = whole.handle
        mayRunInline = whole.mayRunInline
        isOnIOThread = whole.isOnIOThread
        keepsOrder = whole.keepsOrder
        mayBorrow = whole.mayBorrow
        bypassesSuspension = whole.bypassesSuspension
        forceUnitAccess = whole.forceUnitAccess
        payload = whole.payload
        spilled = whole.spilled
        payloadOffset = whole.payloadOffset + start
        readOffset = whole.readOffset + start
    }

    // MARK: Frames

    /// A device admitted the request.
    func enter(_ device: MappedDevice) {
        // A part leaves its devices before the whole request is delivered.
        if parent != nil { mayBorrow = false }
        let began = device.statistics.begin(self)
        push(Frame(device: Unmanaged.passUnretained(device), target: nil, tag: began))
    }

    /// A target wants to hear of the end of this, which goes on to a lower device.
    func watch(_ target: Unmanaged<Target>, tag: Int) {
        push(Frame(device: nil, target: target, tag: tag))
    }

    private func push(_ frame: Frame) {
        precondition(frameCount < IORequest.maximumFrames, "deeper than any stack may be")
        (frames + frameCount).initialize(to: frame)
        frameCount += 1
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

    // MARK: Completion

    /// Ends the request, or this part of it. `error` nil: all of it done. Any thread, no lock held.
    func finish(_ error: Errno?) {
        var error = error
        if !lent.isEmpty { error = deliver(error) }
        while frameCount > 0 {
            frameCount -= 1
            let frame = (frames + frameCount).move()
            if let target = frame.target {
                let tag = frame.tag
                error = target._withUnsafeGuaranteedRef { $0.endIO(self, tag: tag, error) }
            }
            if let device = frame.device {
                device._withUnsafeGuaranteedRef { $0.leave(self, began: frame.tag) }
            }
        }
        if let error { note(error) }
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

    /// Announces that parts follow: `finish` comes when all of them and `partsSubmitted` have.
    func willSplit() { remaining.store(1, ordering: .relaxed) }
    func willSubmitPart() { remaining.add(1, ordering: .relaxed) }

    /// Whether it should wait for its parts that are under way before it is cut further, since there are
    /// many of all requests. Never one that keeps its order: what comes after it is on its way then.
    var shouldPause: Bool {
        RequestPool.shared.isCrowded && !keepsOrder
            && remaining.load(ordering: .relaxed) > IORequest.partsInACrowd
    }

    /// So many parts each request may have under way, however many there are in all.
    private static let partsInACrowd = 4

    /// Those of the parts that were cut so far, which are all unless `cut` says where it goes on. True:
    /// it goes on here, since they have all ended. False: where the last of them ends, and this isn't
    /// touched any more.
    func partsSubmitted() -> Bool {
        guard dropRemaining() else { return false }
        if cut.table != nil { return true }
        finish(error)
        return false
    }

    private func partFinished(_ part: IORequest) {
        if let error = part.error { note(error) }
        if part.isPartlyDone { isPartDone.store(true, ordering: .relaxed) }
        noteStamp(part.stamp.load(ordering: .relaxed))
        noteUnreported(part.unreportedStamp.load(ordering: .relaxed))
        guard dropRemaining() else { return }
        guard let table = cut.table else { return finish(error) }
        // Whatever thread this is, it isn't here to do I/O of the parts that follow.
        prefersOtherThread = true
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

    private func note(_ error: Errno) {
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

    /// An error beside those of parts: that of a part which could not be made, or, for the opener,
    /// of a write-back that it had not seen.
    func report(_ error: Errno) { note(error) }
}
