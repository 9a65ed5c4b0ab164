import CFuse
import DeviceMapper
import Glibc
import Synchronization
import SystemPackage

/// One of the threads that receive requests and call the operations.
final class Receiver {
    /// What the thread is at.
    private enum Step: UInt8, AtomicRepresentable { case receiving, closing, other }

    private let step = Atomic<Step>(.other)
    /// How often it began to receive.
    private let turns = Atomic<UInt64>(0)
    private let fuse: OpaquePointer
    private let buffers: ReceiveBuffers
    /// What the request that is being processed was received in, if that may be left to it.
    private var payload: Unmanaged<Payload>?

    /// Nil: no memory for buffers.
    init?(fuse: OpaquePointer) {
        guard let buffers = ReceiveBuffers() else { return nil }
        self.fuse = fuse
        self.buffers = buffers
    }

    /// What the request was received in that this thread is processing; nil: it can't be kept, since
    /// there is no memory for another buffer. For the operations.
    static var payload: Payload? {
        guard let receiver = cfuse_current_receiver() else { return nil }
        // Borrowed: the receiver is on this thread's stack of calls.
        return Unmanaged<Receiver>.fromOpaque(receiver)._withUnsafeGuaranteedRef {
            $0.payload?.takeUnretainedValue()
        }
    }

    /// Serves until the connection ends or `isStopping`, which is looked at between requests: one
    /// that was received is always processed. Nil, or why it can't go on.
    func run(_ isStopping: () -> Bool) -> Errno? {
        buffers.begin()
        defer {
            step.store(.other, ordering: .sequentiallyConsistent)
            buffers.end()
        }
        while !isStopping() {
            let (buffer, isLasting) = buffers.next()
            let memory =
                buffer._withUnsafeGuaranteedRef { $0.memory } + ReceiveBuffers.requestOffset
            turns.wrappingAdd(1, ordering: .relaxed)
            step.store(.receiving, ordering: .sequentiallyConsistent)
            let size = cfuse_session_receive(fuse, memory)
            let isClose = size > 0 && cfuse_is_release(memory, size)
            step.store(isClose ? .closing : .other, ordering: .sequentiallyConsistent)
            if size == 0 { return nil }
            guard size > 0 else {
                let error = Errno(rawValue: Int32(-size))
                if error == .interrupted || error == .resourceTemporarilyUnavailable { continue }
                return error
            }
            self.payload = isLasting ? buffer : nil
            cfuse_session_process(
                fuse, memory, size, Unmanaged.passUnretained(self).toOpaque())
            self.payload = nil
        }
        return nil
    }

    /// Waits until it has seen to every RELEASE that it took before the call. False: not before the
    /// deadline. `wake` makes the thread's receiving end.
    func finishCloses(until deadline: Deadline, _ wake: () -> Void) -> Bool {
        let turn = turns.load(ordering: .sequentiallyConsistent)
        while turns.load(ordering: .sequentiallyConsistent) == turn {
            switch step.load(ordering: .sequentiallyConsistent) {
            case .other: return true
            case .closing: break
            // It may have one that we don't see yet.
            case .receiving: wake()
            }
            if deadline.hasPassed { return false }
            usleep(Receiver.pause)
        }
        return true
    }

    /// Microseconds.
    private static let pause: UInt32 = 100
}
