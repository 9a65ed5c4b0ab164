package import DeviceMapper
package import SystemPackage

/// One request and a way to wait for its end.
package final class PendingRequest: @unchecked Sendable {
    // @unchecked: guarded by `lock`; `request` is set once before it is shared.

    private let lock = Lock(rank: .leaf, name: "PendingRequest.lock")
    private let ended = Condition()
    private var result: (bytes: [UInt8], error: Errno?)?
    package private(set) var request: IORequest

    package init(_ handle: DeviceHandle, prepare: (IORequest) -> Void) {
        request = IORequest { _ in }
        request = IORequest { [weak self] in self?.finish($0) }
        prepare(request)
        handle.submit(request)
    }

    private func finish(_ request: IORequest) {
        lock.withLock {
            precondition(result == nil, "a request ended twice")
            result = (Array(request.data), request.error)
            ended.broadcast()
        }
    }

    package var isDone: Bool { lock.withLock { result != nil } }

    /// Waits for the end, at most so long: nil then.
    package func wait(milliseconds: UInt32 = patience) -> (bytes: [UInt8], error: Errno?)? {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        return lock.withLock {
            while result == nil {
                if !ended.wait(lock, until: deadline) { return nil }
            }
            return result
        }
    }
}

extension PendingRequest {
    /// The bytes, or the errno; ETIMEDOUT when the request doesn't end.
    @discardableResult
    package func get() throws(DMError) -> [UInt8] {
        guard let (bytes, error) = wait() else {
            throw DMError(.timedOut, "a request did not end")
        }
        if let error { throw DMError(error) }
        return bytes
    }
}

extension DeviceHandle {
    package func beginRead(_ offset: UInt64, _ length: Int) -> PendingRequest {
        PendingRequest(self) { $0.prepareRead(offset: offset, length: length) }
    }

    package func beginWrite(
        _ offset: UInt64, _ bytes: [UInt8], forceUnitAccess: Bool = false
    ) -> PendingRequest {
        guard let payload = Payload(allocating: bytes.count) else {
            preconditionFailure("no memory for a test's bytes")
        }
        payload.memory.copyMemory(from: bytes, byteCount: bytes.count)
        return PendingRequest(self) {
            $0.prepareWrite(
                offset: offset, payload: payload, at: 0, length: bytes.count,
                forceUnitAccess: forceUnitAccess)
        }
    }

    package func beginRange(
        _ operation: IOOperation, _ offset: UInt64, _ length: Int
    ) -> PendingRequest {
        PendingRequest(self) {
            $0.prepareRange(operation, offset: offset, length: length)
        }
    }

    package func beginFlush() -> PendingRequest { PendingRequest(self) { $0.prepareFlush() } }

    /// The bytes, or the errno; ETIMEDOUT when the request doesn't end.
    package func read(_ offset: UInt64, _ length: Int) throws(DMError) -> [UInt8] {
        try beginRead(offset, length).get()
    }

    package func write(_ offset: UInt64, _ bytes: [UInt8]) throws(DMError) {
        try beginWrite(offset, bytes).get()
    }

    package func discard(_ offset: UInt64, _ length: Int) throws(DMError) {
        try beginRange(.discard, offset, length).get()
    }

    package func writeZeroes(_ offset: UInt64, _ length: Int) throws(DMError) {
        try beginRange(.writeZeroes, offset, length).get()
    }

    package func flush() throws(DMError) { try beginFlush().get() }
}

/// Milliseconds that anything may take that ends by itself. It finds what hangs, and a busy machine is
/// no hang.
package let patience: UInt32 = 120_000

/// Waits until something is so, at most so long. False: it did not come.
package func eventually(
    withinMilliseconds milliseconds: UInt32 = patience, _ condition: () -> Bool
) -> Bool {
    let deadline = Deadline(millisecondsFromNow: milliseconds)
    let lock = Lock(rank: .leaf, name: "eventually")
    let never = Condition()
    while !condition() {
        if deadline.hasPassed { return false }
        _ = lock.withLock { never.wait(lock, until: Deadline(millisecondsFromNow: 1)) }
    }
    return true
}
