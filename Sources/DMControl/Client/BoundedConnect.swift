import DeviceMapper
import Glibc
import SystemPackage

/// Connects to a socket on a thread of its own, and gives up when that takes too long: the way
/// there leads through the mount, whose daemon may be stopped, and a call to such a file system
/// ends for nobody but a killed process.
enum BoundedConnect {
    /// Closed with the last reference: also one that came when nobody waited for it any more.
    private final class Connected: Sendable {
        let socket: UnixSocket

        init(_ socket: consuming UnixSocket) { self.socket = socket }
    }

    /// ETIMEDOUT: not until `deadline`. Else as `UnixSocket.connect`.
    static func socket(at path: ByteString, until deadline: Deadline) throws(DMError) -> UnixSocket
    {
        let connect: @Sendable () -> Result<Connected, DMError> = {
            do throws(DMError) {
                return .success(Connected(try Self.connect(to: path, until: deadline)))
            } catch {
                return .failure(error)
            }
        }
        let result: Result<Connected, DMError>?
        if let call = BoundedCall.begin("dm-connect", connect) {
            result = call.wait(until: deadline)
        } else {
            // Without a thread the socket itself still has its bound.
            result = connect()
        }
        switch result {
        case .success(let connected):
            // A number of its own: the other one is closed.
            let descriptor = fcntl(connected.socket.descriptor, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw DMError(.current, path.string) }
            return UnixSocket(adopting: descriptor)
        case .failure(let error) where error.errno != .resourceTemporarilyUnavailable: throw error
        // EAGAIN: its queue of connections is full, which is as good as no answer.
        case .failure, nil: throw DMError(.timedOut, path.string)
        }
    }

    /// How long a mount is asked that answers EIO, in milliseconds.
    private static let patience: UInt32 = 2000
    private static let pause: UInt32 = 10

    /// EIO is what the kernel makes of a request that a thread of the daemon took while it was being killed.
    /// Then the mount is soon dead, and says so.
    private static func connect(
        to path: ByteString, until deadline: Deadline
    ) throws(DMError) -> UnixSocket {
        let end = Deadline(millisecondsFromNow: min(patience, deadline.millisecondsLeft))
        while true {
            do throws(DMError) {
                return try UnixSocket.connect(
                    to: path, milliseconds: max(deadline.millisecondsLeft, 1))
            } catch {
                guard error.errno == .ioError, !end.hasPassed else { throw error }
                usleep(pause * 1000)
            }
        }
    }
}
