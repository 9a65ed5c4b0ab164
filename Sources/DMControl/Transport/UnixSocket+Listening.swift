import DeviceMapper
import Glibc
import SystemPackage

/// The listening end.
extension UnixSocket {
    /// Listens at `path`, where only the owner (and root) can connect. What a dead daemon left
    /// there is cleared away. EADDRINUSE: somebody listens there, or it is no socket.
    static func listen(at path: ByteString) throws(DMError) -> UnixSocket {
        try removeStale(path)
        let socket = try UnixSocket.make()
        let descriptor = socket.descriptor
        // Before bind(2), so that there is no moment in which others may connect.
        fchmod(descriptor, S_IRUSR | S_IWUSR)
        var failure: Errno?
        let result = try SocketPath(path).withAddressToBind { address, length in
            let result = bind(descriptor, address, length)
            if result != 0 { failure = .current }
            return result
        }
        guard result == 0, Glibc.listen(descriptor, backlog) == 0 else {
            throw DMError(failure ?? .current, path.string)
        }
        return socket
    }

    private static func removeStale(_ path: ByteString) throws(DMError) {
        var status = stat()
        guard path.withCString({ lstat($0, &status) }) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw DMError(.addressInUse, path.string) }
        do throws(DMError) {
            _ = try UnixSocket.connect(to: path)
        } catch {
            guard error.errno == .connectionRefused else { throw error }
            _ = path.withCString { unlink($0) }
            return
        }
        throw DMError(.addressInUse, path.string)
    }

    /// The next connection, nil once `shutdown` was called. EMFILE and the like: try again later.
    func accept() throws(DMError) -> UnixSocket? {
        while true {
            let accepted = Glibc.accept(descriptor, nil, nil)
            let failure = Errno.current
            if accepted >= 0 {
                // accept4(2) is not to be had; a program started in between inherits an end that
                // ends with it.
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                return UnixSocket(adopting: accepted)
            }
            switch failure {
            case .interrupted, .connectionAbort: continue
            case .invalidArgument, .badFileDescriptor: return nil
            default: throw DMError(failure, "control socket")
            }
        }
    }

    /// The peer's user when it connected (SO_PEERCRED); nil: unknown, to be refused.
    static func peerUser(_ descriptor: CInt) -> UInt32? {
        // struct ucred: pid, uid, gid.
        var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        let result = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
        return result == 0 && size == 12 ? credentials.1 : nil
    }

    private static let backlog = CInt(SOMAXCONN)
}
