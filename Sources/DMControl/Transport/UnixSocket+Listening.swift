import DeviceMapper
import Glibc
import SystemPackage

/// The listening end.
extension UnixSocket {
    /// Listens at `path`, where only the owner (and root) can connect. What a dead daemon left
    /// there is cleared away. EADDRINUSE: somebody listens there, or it is no socket.
    ///
    /// The socket gets its name when it listens already: one that refuses connections is a dead
    /// daemon's, never a young one's.
    static func listen(
        at path: ByteString, backlog: CInt = CInt(SOMAXCONN)
    ) throws(DMError) -> UnixSocket {
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        let first: ByteString = "\(path).\(random)"
        let socket = try bind(at: first)
        defer { _ = first.withCString { unlink($0) } }
        guard Glibc.listen(socket.descriptor, backlog) == 0 else {
            throw DMError(.current, path.string)
        }
        // Unlike rename(2), link(2) takes no living daemon's name away.
        guard let failure = link(first, to: path) else { return socket }
        guard failure == .fileExists else { throw DMError(failure, path.string) }
        guard removeDead(path), link(first, to: path) == nil else {
            throw DMError(.addressInUse, path.string)
        }
        return socket
    }

    private static func link(_ path: ByteString, to other: ByteString) -> Errno? {
        path.withCString { path in
            other.withCString { other in Glibc.link(path, other) == 0 ? nil : .current }
        }
    }

    private static func bind(at path: ByteString) throws(DMError) -> UnixSocket {
        let socket = try UnixSocket.make()
        let descriptor = socket.descriptor
        // Before bind(2), so that there is no moment in which others may connect.
        fchmod(descriptor, S_IRUSR | S_IWUSR)
        var failure: Errno?
        let result = try SocketPath(path).withAddressToBind { address, length in
            let result = Glibc.bind(descriptor, address, length)
            if result != 0 { failure = .current }
            return result
        }
        guard result == 0 else { throw DMError(failure ?? .ioError, path.string) }
        return socket
    }

    /// Removes the socket at `path` if nobody listens there (ECONNREFUSED). Doesn't wait for a
    /// daemon that takes no connection. False: it is left.
    static func removeDead(_ path: ByteString) -> Bool {
        var status = stat()
        guard path.withCString({ lstat($0, &status) }) == 0,
            status.st_mode & S_IFMT == S_IFSOCK
        else { return false }
        do throws(DMError) {
            _ = try UnixSocket.connect(to: path, milliseconds: 0)
            return false
        } catch {
            return error.errno == .connectionRefused && path.withCString { unlink($0) } == 0
        }
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
}
