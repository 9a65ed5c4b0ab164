package import Glibc
import SystemPackage

/// The bytes of a request: those of a write, wherever they are kept, and where those of a read go.
extension IORequest {
    /// Whether the bytes of a write are in a receiver's buffer, which can't be kept for long.
    var needsKeeping: Bool { payload.map { !$0.isKept } ?? false }

    /// Assigns only what is set: letting go of nil costs a call.
    func dropPayload() {
        if payload != nil { payload = nil }
        if spilled != nil { spilled = nil }
    }

    /// Before it is held: goes on with a copy of a write's bytes, `length` of them.
    func keep(_ kept: HeldMemory.Kept) {
        switch kept {
        case .inMemory(let copy): payload = copy
        case .spilled(let copy):
            spilled = copy
            payload = nil
        }
        payloadOffset = 0
    }

    /// A target goes on with other bytes in the place of those of a write, from the begin of `payload`.
    func replaceBytes(with payload: Payload) {
        precondition(operation == .write && payload.capacity >= length, "bytes of no such write")
        spilled = nil
        self.payload = payload
        payloadOffset = 0
    }

    /// The bytes to write, in one stretch; none when they are spilled.
    var bytesToWrite: UnsafeRawBufferPointer {
        guard let payload else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: payload.memory + payloadOffset, count: length)
    }

    /// Does something with the bytes to write, wherever they are. ENOMEM, EIO: they can't be had.
    func withBytesToWrite(_ body: (UnsafeRawBufferPointer) -> Errno?) -> Errno? {
        guard let spilled else { return body(bytesToWrite) }
        guard let buffer = BufferPool.shared.take(length) else { return .noMemory }
        defer { BufferPool.shared.give(buffer, length) }
        let bytes = UnsafeMutableRawBufferPointer(start: buffer, count: length)
        return spilled.read(into: bytes, from: payloadOffset) ?? body(UnsafeRawBufferPointer(bytes))
    }

    /// Where a read's bytes go, in one stretch; nil when there is no memory.
    func bytesToFill() -> UnsafeMutableRawBufferPointer? {
        guard let base = withBytesOwner({ $0.takeReadBuffer() }) else { return nil }
        return UnsafeMutableRawBufferPointer(start: base + readOffset, count: length)
    }

    /// Whether parts of it may have their bytes in several stretches: not those of a spill file.
    var mayScatter: Bool { spilled == nil }

    /// Does something with the stretches of a part's bytes: those to write, or those to fill. ENOMEM:
    /// there are none to fill.
    func withStretches(_ body: (UnsafeBufferPointer<iovec>) -> Errno?) -> Errno? {
        let start: UnsafeMutableRawPointer
        if operation == .write {
            guard let payload else { preconditionFailure("spilled bytes don't scatter") }
            start = payload.memory + payloadOffset
        } else {
            guard let base = withBytesOwner({ $0.takeReadBuffer() }) else { return .noMemory }
            start = base + readOffset
        }
        return stretches.withVectors(of: length, from: start, body)
    }

    /// Leaves bytes of a read where they are until the whole request is delivered. False: there are
    /// too many pieces, and these must be read.
    func borrow(_ bytes: LentBytes) -> Bool {
        withWhole { $0.lent.add(bytes, at: readOffset, stretches) }
    }

    /// The bytes of a read, wherever they are. In `delivery` only.
    package func withVectors<Result>(
        _ body: (UnsafeBufferPointer<iovec>) -> Result
    ) -> Result {
        lent.withVectors(length, buffer: readBuffer.load(ordering: .acquiring), body)
    }

    /// What a target of zeros makes of this: zeros for a read, nothing of a change.
    func fillWithZeroes() -> Errno? {
        guard operation == .read else { return nil }
        guard let bytes = bytesToFill() else { return .noMemory }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return nil
    }

    /// The bytes of a read that succeeded, else none. Valid in the completion, until the request is
    /// prepared again.
    package var data: UnsafeRawBufferPointer {
        guard let buffer = readBuffer.load(ordering: .acquiring), error == nil else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: buffer, count: length)
    }

    /// Several parts may ask at once: the first buffer to be set wins.
    private func takeReadBuffer() -> UnsafeMutableRawPointer? {
        if let buffer = readBuffer.load(ordering: .acquiring) { return buffer }
        guard let fresh = BufferPool.shared.take(length) else { return nil }
        let (isOurs, standing) = readBuffer.compareExchange(
            expected: nil, desired: fresh, ordering: .acquiringAndReleasing)
        if isOurs { return fresh }
        BufferPool.shared.give(fresh, length)
        return standing
    }

    func dropReadBuffer() {
        if let buffer = readBuffer.exchange(nil, ordering: .acquiringAndReleasing) {
            BufferPool.shared.give(buffer, length)
        }
    }
}
