package import Glibc
import Synchronization
package import SystemPackage

/// A store that answers later: a ring of the kernel's, a connection, a library with callbacks.
package protocol AsynchronousStore: BackingStore {
    /// Whether a forced write is durable when its transfer ends. False: a flush follows it.
    var forcesUnitAccess: Bool { get }

    /// Begins a transfer, which the store keeps and ends once, however it fails. Any thread, no
    /// lock held; it must not wait. Several are under way at once, and may be done in any order;
    /// two flushes never are.
    ///
    /// Don't touch the store after a transfer may have ended: `close` may be called before this returns.
    func begin(_ transfer: StoreTransfer)
}

extension AsynchronousStore {
    package var forcesUnitAccess: Bool { false }
}

/// What a store that answers later is to do, from `begin` to `end`.
///
/// Used again and again, so that a transfer allocates nothing in steady state: after `end` the
/// store does not look at it any more.
package final class StoreTransfer: @unchecked Sendable {
    // @unchecked: written by the thread that begins it, before the store has it; then only read,
    // until one thread ends it.

    package private(set) var operation = IOOperation.read
    /// Bytes from the start of the store, and how many of them; 0 and 0 of a flush.
    package private(set) var offset: UInt64 = 0
    package private(set) var length = 0
    /// A write that is durable when it ends, of a store that `forcesUnitAccess`.
    package private(set) var forceUnitAccess = false

    /// Where the bytes of a write are, and those of a read go: 1 to 64 stretches, `length` bytes in
    /// all. They stay where they are until the end. None of another operation.
    package var vectors: UnsafeBufferPointer<iovec> {
        UnsafeBufferPointer(start: places, count: placeCount)
    }

    private var places: UnsafeMutablePointer<iovec>
    private var placeCapacity = 1
    private var placeCount = 0
    /// Bytes of a write that were in a spill file.
    private var readBack: UnsafeMutableRawPointer?

    /// Borrowed: the request in flight keeps it.
    private var device: Unmanaged<BackingDevice>?
    private var request: IORequest?
    /// Of a flush: those that it is for.
    private var flushes: [IORequest] = []
    private let isUnderWay = Atomic<Bool>(false)

    init() { places = .allocate(capacity: 1) }

    deinit {
        precondition(
            !isUnderWay.load(ordering: .relaxed), "a store dropped a transfer without its end")
        places.deallocate()
    }

    /// The store is done with it. Nil: all of it was done. Of a read EIO for what the store does
    /// not have, never zeros; of a discard EOPNOTSUPP: the store has no way to, and nothing has
    /// changed; of a write or write-zeroes any errno: any part may be done.
    ///
    /// To be called once, on any thread, with no lock held, and within `begin` too. Other requests
    /// may go on from in here.
    package func end(_ error: Errno?) {
        guard isUnderWay.exchange(false, ordering: .acquiringAndReleasing), let device else {
            preconditionFailure("a transfer was ended twice")
        }
        // What the request's end frees may be the device, which has work left after some.
        device.takeUnretainedValue().ended(self, error)
    }

    // MARK: For the device

    /// ENOMEM, EIO: its bytes can't be had.
    func prepare(_ request: IORequest, forced: Bool) -> Errno? {
        operation = request.operation
        offset = request.offset
        length = request.length
        forceUnitAccess = forced
        switch operation {
        case .read, .write:
            if let error = place(request) { return error }
        case .discard, .writeZeroes, .flush: placeCount = 0
        }
        self.request = request
        return nil
    }

    func prepareFlush(_ requests: [IORequest]) {
        operation = .flush
        offset = 0
        length = 0
        forceUnitAccess = false
        placeCount = 0
        flushes = requests
    }

    func start(_ store: any AsynchronousStore, of device: BackingDevice) {
        self.device = .passUnretained(device)
        isUnderWay.store(true, ordering: .releasing)
        store.begin(self)
    }

    /// What it was for: it is free then.
    func takeRequests() -> (request: IORequest?, flushes: [IORequest]) {
        let taken = (request, flushes)
        letGo()
        return taken
    }

    func letGo() {
        request = nil
        if !flushes.isEmpty { flushes = [] }
        device = nil
        if let readBack { BufferPool.shared.give(readBack, length) }
        readBack = nil
    }

    private func place(_ request: IORequest) -> Errno? {
        guard request.stretches.isOne else {
            return request.withStretches { stretches in
                makeRoom(for: stretches.count)
                for (index, stretch) in stretches.enumerated() { places[index] = stretch }
                placeCount = stretches.count
                return nil
            }
        }
        let start: UnsafeMutableRawPointer
        if let spilled = request.spilled {
            guard let buffer = BufferPool.shared.take(length) else { return .noMemory }
            readBack = buffer
            let bytes = UnsafeMutableRawBufferPointer(start: buffer, count: length)
            if let error = spilled.read(into: bytes, from: request.payloadOffset) { return error }
            start = buffer
        } else if operation == .write {
            guard let bytes = request.bytesToWrite.baseAddress else {
                preconditionFailure("a write without its bytes")
            }
            start = UnsafeMutableRawPointer(mutating: bytes)
        } else {
            guard let bytes = request.bytesToFill()?.baseAddress else { return .noMemory }
            start = bytes
        }
        places[0] = iovec(iov_base: start, iov_len: length)
        placeCount = 1
        return nil
    }

    private func makeRoom(for count: Int) {
        guard count > placeCapacity else { return }
        places.deallocate()
        places = .allocate(capacity: Stretches.maximum)
        placeCapacity = Stretches.maximum
    }
}
