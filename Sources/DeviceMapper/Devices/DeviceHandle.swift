import SystemPackage
import Synchronization

/// One opener of a device. It keeps the device from being removed until it is closed, which happens
/// exactly once, after the last of its requests completed.
package final class DeviceHandle: @unchecked Sendable {
    // @unchecked: immutable but for atomics.

    let registry: DeviceRegistry
    let device: MappedDevice
    let cell: HashCell
    /// No other handle had the device open then.
    package let isFirst: Bool

    /// Whether close(2) may have returned already, and RELEASE be on its way (`Closing`).
    private let closing = Atomic<UInt8>(Closing.no.rawValue)
    /// When the last FLUSH came: monotonic milliseconds.
    private let flushTime = Atomic<UInt64>(0)
    private let isClosed = Atomic<Bool>(false)
    /// The newest write-back error that this opener has seen.
    private let seenError: Atomic<UInt64>

    init(registry: DeviceRegistry, device: MappedDevice, cell: HashCell, isFirst: Bool) {
        self.registry = registry
        self.device = device
        self.cell = cell
        self.isFirst = isFirst
        seenError = Atomic(ErrorStamp.now().rawValue)
    }

    deinit {
        precondition(isClosed.load(ordering: .relaxed), "an opener was dropped without a close")
    }

    /// Size and mode as they are now, by the live table.
    package var size: Sectors { device.disk.capacity }
    package var isReadOnly: Bool { device.disk.isReadOnly }
    package var number: DeviceNumber { device.disk.number }

    /// Sends a prepared request to the device. Never waits for a suspended one; does backing I/O in
    /// place where `mayRunInline` and the bound on that allow.
    package func submit(_ request: IORequest) {
        if closing.load(ordering: .relaxed) != Closing.no.rawValue { noteUse() }
        request.handle = Unmanaged.passUnretained(self)
        device.submit(request)
    }

    /// Ends the request with EINTR if a suspended device, here or below, holds it or a part of it.
    /// False: nothing of it was held; it completes by itself.
    package func cancel(_ request: IORequest) -> Bool {
        let held = registry.withdrawDeferred(request, below: device)
        for part in held { part.finish(.interrupted) }
        return !held.isEmpty
    }

    // MARK: Closing

    /// What is known of a close that the kernel has not reported yet.
    enum Closing: UInt8 {
        /// No FLUSH came, or the file was used after it, or it was waited for in vain.
        case no
        /// A FLUSH came: it may have been of the last descriptor.
        case maybe
        /// The same, and somebody who only wanted to see the open count waited for it already.
        case maybeStill
    }

    /// A descriptor of the file was closed: this may be the last one.
    package func noteFlush() {
        flushTime.store(Deadline.nowMilliseconds, ordering: .relaxed)
        closing.store(Closing.maybe.rawValue, ordering: .sequentiallyConsistent)
    }

    /// A file that is used is not closed. But a read that was sent before the close, read-ahead for
    /// instance, may reach us after it on another thread: what comes soon after a FLUSH tells
    /// nothing.
    private func noteUse() {
        let sinceFlush = Deadline.nowMilliseconds &- flushTime.load(ordering: .relaxed)
        guard sinceFlush > DeviceHandle.overtakenMilliseconds else { return }
        closing.store(Closing.no.rawValue, ordering: .relaxed)
    }

    private static let overtakenMilliseconds: UInt64 = 100

    var closingState: Closing {
        Closing(rawValue: closing.load(ordering: .sequentiallyConsistent)) ?? .no
    }

    /// It was waited for: `wholly`, so that another descriptor of the file must be open, or for a
    /// moment only.
    func noteWaitedFor(wholly: Bool) {
        let next = wholly ? Closing.no : .maybeStill
        _ = closing.compareExchange(
            expected: Closing.maybe.rawValue, desired: next.rawValue,
            ordering: .sequentiallyConsistent)
        if wholly {
            _ = closing.compareExchange(
                expected: Closing.maybeStill.rawValue, desired: next.rawValue,
                ordering: .sequentiallyConsistent)
        }
    }

    /// The end. Takes dm_sem. The last close of a device marked for deferred removal lets another
    /// thread remove it.
    package func close() {
        let wasClosed = isClosed.exchange(true, ordering: .acquiringAndReleasing)
        precondition(!wasClosed, "an opener was closed twice")
        registry.close(self)
    }

    /// Reports a write-back error to this opener once (`errseq_check_and_advance`): an error that it
    /// has not seen, or that nobody saw.
    func account(_ request: IORequest) {
        let (stamp, unreported) = request.writeBackErrors
        let seen = ErrorStamp(
            rawValue: seenError.max(stamp.rawValue, ordering: .sequentiallyConsistent).oldValue)
        if let unreported {
            request.report(unreported)
        } else if stamp > seen, let errno = stamp.errno {
            request.report(errno)
        }
    }
}
