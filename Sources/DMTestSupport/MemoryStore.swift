package import DeviceMapper
package import SystemPackage

/// A backing store in memory that keeps apart what was written and what was flushed, counts calls,
/// and fails or waits when told to.
package final class MemoryStore: SynchronousStore, @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// One call that was made of it.
    package struct Call: Hashable, Sendable {
        /// Of the call.
        package enum Kind: Sendable { case read, write, flush, discard, zero }
        package let kind: Kind
        package let offset: UInt64
        package let count: Int
    }

    private let lock = Lock(rank: .leaf, name: "MemoryStore.lock")
    private let gateOpened = Condition()
    private var bytes: [UInt8]
    private var durable: [UInt8]
    private let recordsCalls: Bool
    private var recorded: [Call] = []
    private var failures: [Int: Errno] = [:]
    private var callCount = 0
    private var changeFailures: [Int: Errno] = [:]
    private var changeCount = 0
    private var waiting = 0
    private var isGateClosed = false
    /// Called before each call, with no lock held. Set before the store is used.
    package var beforeCall: (@Sendable () -> Void)?
    private var closed = false
    private var queueLimits = QueueLimits.ofLoop(discardGranularity: 4096)

    package init(_ bytes: [UInt8], recordsCalls: Bool = true) {
        self.bytes = bytes
        self.recordsCalls = recordsCalls
        durable = bytes
    }

    /// `recordsCalls`: `calls` has all of them, which a long run can't afford.
    package convenience init(sectors: Int, recordsCalls: Bool = true) {
        self.init([UInt8](repeating: 0, count: sectors * 512), recordsCalls: recordsCalls)
    }

    /// Of a loop device, unless a test says otherwise.
    package var limits: QueueLimits {
        get { lock.withLock { queueLimits } }
        set { lock.withLock { queueLimits = newValue } }
    }

    package var size: UInt64 { lock.withLock { UInt64(bytes.count) } }
    /// What readers see.
    package var contents: [UInt8] { lock.withLock { bytes } }
    /// What a crash would leave: the state at the last flush that succeeded.
    package var durableContents: [UInt8] { lock.withLock { durable } }
    package var calls: [Call] { lock.withLock { recorded } }
    package var isClosed: Bool { lock.withLock { closed } }
    /// Calls that wait at the closed gate.
    package var waitingCalls: Int { lock.withLock { waiting } }

    /// The call after `count` more fails; a failing write leaves nothing, a failing flush loses
    /// what it was to make durable, as Linux drops dirty pages after a failed write-back.
    package func fail(after count: Int, _ error: Errno) {
        lock.withLock { failures[callCount + count] = error }
    }

    /// The same, with reads neither counted nor failing.
    package func fail(afterChanges count: Int, _ error: Errno) {
        lock.withLock { changeFailures[changeCount + count] = error }
    }

    /// Calls wait until the gate opens again.
    package func closeGate() { lock.withLock { isGateClosed = true } }

    package func openGate() {
        lock.withLock {
            isGateClosed = false
            gateOpened.broadcast()
        }
    }

    /// Other bytes from here on; what is durable stays.
    package func replaceContents(_ new: [UInt8]) { lock.withLock { bytes = new } }

    package func truncate(sectors: Int) {
        lock.withLock { bytes.removeLast(max(0, bytes.count - sectors * 512)) }
    }

    package func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno? {
        perform(.read, offset, target.count) {
            guard Int(offset) + target.count <= bytes.count else { return .ioError }
            bytes.withUnsafeBytes {
                target.copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: $0[Int(offset)..<Int(offset) + target.count]))
            }
            return nil
        }
    }

    package func write(_ source: UnsafeRawBufferPointer, at offset: UInt64) -> Errno? {
        perform(.write, offset, source.count) {
            guard Int(offset) + source.count <= bytes.count else { return .ioError }
            bytes.withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(
                    rebasing: $0[Int(offset)..<Int(offset) + source.count]
                ).copyMemory(from: source)
            }
            return nil
        }
    }

    package func discard(from offset: UInt64, count: UInt64) -> Errno? {
        zero(.discard, offset, Int(count))
    }

    package func writeZeroes(from offset: UInt64, count: UInt64) -> Errno? {
        zero(.zero, offset, Int(count))
    }

    private func zero(_ kind: Call.Kind, _ offset: UInt64, _ count: Int) -> Errno? {
        perform(kind, offset, count) {
            guard Int(offset) + count <= bytes.count else { return .ioError }
            for index in Int(offset)..<Int(offset) + count { bytes[index] = 0 }
            return nil
        }
    }

    package func flush() -> Errno? {
        let error = perform(.flush, 0, 0) {
            durable = bytes
            return nil
        }
        if error != nil { lock.withLock { bytes = durable } }
        return error
    }

    package func close() { lock.withLock { closed = true } }

    private func perform(
        _ kind: Call.Kind, _ offset: UInt64, _ count: Int, _ body: () -> Errno?
    ) -> Errno? {
        beforeCall?()
        return lock.withLock {
            precondition(!closed, "a closed store was used")
            waiting += 1
            while isGateClosed { gateOpened.wait(lock) }
            waiting -= 1
            if recordsCalls { recorded.append(Call(kind: kind, offset: offset, count: count)) }
            var failure = failures.removeValue(forKey: callCount)
            callCount += 1
            if kind != .read {
                failure = changeFailures.removeValue(forKey: changeCount) ?? failure
                changeCount += 1
            }
            return failure ?? body()
        }
    }
}
