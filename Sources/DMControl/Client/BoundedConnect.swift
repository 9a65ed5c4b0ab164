import DeviceMapper
import Glibc
import SystemPackage

/// Connects to a socket on a thread of its own, and gives up when that takes too long: the way
/// there leads through the mount, whose daemon may be stopped, and a call to such a file system
/// ends for nobody but a killed process.
final class BoundedConnect: @unchecked Sendable {
    // @unchecked: `state` is guarded by `lock`.
    private enum State {
        case connecting
        case connected(CInt)
        case failed(DMError)
        /// Nobody waits any more: what comes is closed.
        case abandoned
    }

    /// Guards the state. Leaf.
    private let lock = Lock(rank: .leaf, name: "BoundedConnect.lock")
    private let changed = Condition()
    private var state = State.connecting

    /// ETIMEDOUT: not until `deadline`. Else as `UnixSocket.connect`.
    static func socket(at path: ByteString, until deadline: Deadline) throws(DMError) -> UnixSocket
    {
        let attempt = BoundedConnect()
        do throws(DMError) {
            try Thread.start("dm-connect") { attempt.connect(path, deadline) }
        } catch {
            // Without a thread the socket itself still has its bound.
            attempt.connect(path, deadline)
        }
        return UnixSocket(adopting: try attempt.wait(path, until: deadline))
    }

    private func connect(_ path: ByteString, _ deadline: Deadline) {
        let result: State
        do throws(DMError) {
            let socket = try UnixSocket.connect(
                to: path, milliseconds: max(deadline.millisecondsLeft, 1))
            // A number of its own: `socket` is closed here.
            let descriptor = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
            result =
                descriptor < 0 ? .failed(DMError(.current, path.string)) : .connected(descriptor)
        } catch {
            result = .failed(error)
        }
        let isWanted = lock.withLock {
            guard case .connecting = state else { return false }
            state = result
            changed.broadcast()
            return true
        }
        if !isWanted, case .connected(let descriptor) = result { close(descriptor) }
    }

    private func wait(_ path: ByteString, until deadline: Deadline) throws(DMError) -> CInt {
        let result = lock.withLock { () -> State in
            while case .connecting = state, changed.wait(lock, until: deadline) {}
            let result = state
            state = .abandoned
            return result
        }
        switch result {
        case .connected(let descriptor): return descriptor
        case .failed(let error) where error.errno != .resourceTemporarilyUnavailable: throw error
        // EAGAIN: its queue of connections is full, which is as good as no answer.
        case .failed, .connecting, .abandoned: throw DMError(.timedOut, path.string)
        }
    }
}
