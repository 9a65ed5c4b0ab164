import DeviceMapper
import Glibc
import SystemPackage

/// A connected unix stream socket, closed when it goes. All sending and receiving of the control
/// plane is here and in `UnixSocket+Descriptor.swift`.
///
/// One thread receives and sends; `shutdown` may come from any.
struct UnixSocket: ~Copyable, Sendable {
    let descriptor: CInt

    init(adopting descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Connects to the socket that `path` leads to, through symbolic links too. ECONNREFUSED:
    /// nobody listens there; EAGAIN: whoever listens takes no connection for so long, which is 0 for
    /// not waiting at all. Without `milliseconds` it waits for ever.
    static func connect(
        to path: ByteString, milliseconds: UInt32? = nil
    ) throws(DMError) -> UnixSocket {
        let socket = try UnixSocket.make()
        let descriptor = socket.descriptor
        if let milliseconds { socket.limitConnect(milliseconds: milliseconds) }
        var failure: Errno?
        let result = try SocketPath(path).withAddressOfSocket { address, length in
            let result = Glibc.connect(descriptor, address, length)
            if result != 0 { failure = .current }
            return result
        }
        guard result == 0 else { throw DMError(failure ?? .ioError, path.string) }
        if milliseconds != nil { socket.limitConnect(milliseconds: nil) }
        return socket
    }

    /// A new socket, not connected, not inherited by programs that we start.
    static func make() throws(DMError) -> UnixSocket {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw DMError(.current, "no socket") }
        return UnixSocket(adopting: descriptor)
    }

    /// Two sockets connected with each other.
    static func pair() throws(DMError) -> SocketPair {
        var descriptors: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &descriptors) == 0 else {
            throw DMError(.current, "no socket pair")
        }
        return SocketPair(
            near: UnixSocket(adopting: descriptors[0]), far: UnixSocket(adopting: descriptors[1]))
    }

    /// Sends all of it. EPIPE or ECONNRESET: the peer is gone; ETIMEDOUT: it didn't take all of it
    /// until `deadline`.
    func send(_ bytes: [UInt8], until deadline: Deadline? = nil) throws(DMError) {
        var sent = 0
        while sent < bytes.count {
            if let deadline { try wait(for: POLLOUT, until: deadline) }
            var failure: Errno?
            let flags = CInt(MSG_NOSIGNAL) | (deadline == nil ? 0 : CInt(MSG_DONTWAIT))
            let count = bytes.withUnsafeBytes { raw in
                let part = UnsafeRawBufferPointer(rebasing: raw[sent...])
                let count = Glibc.send(descriptor, part.baseAddress, part.count, flags)
                if count < 0 { failure = .current }
                return count
            }
            if let failure {
                if UnixSocket.isPassing(failure, deadline) { continue }
                throw DMError(failure, "control socket")
            }
            sent += count
        }
    }

    /// Receives exactly `count` bytes; nil if the peer closed before the first of them. Memory
    /// grows with what arrives, not with what was announced. ECONNRESET: the peer closed in
    /// between; ETIMEDOUT: not all of it came until `deadline`.
    func receive(_ count: Int, until deadline: Deadline? = nil) throws(DMError) -> [UInt8]? {
        var bytes: [UInt8] = []
        var filled = 0
        while filled < count {
            if filled == bytes.count {
                bytes.grow(to: min(count, max(UnixSocket.firstChunk, 2 * filled)))
            }
            if let deadline { try wait(for: POLLIN, until: deadline) }
            var failure: Errno?
            let flags = deadline == nil ? 0 : CInt(MSG_DONTWAIT)
            let received = bytes.withUnsafeMutableBytes { raw in
                let part = UnsafeMutableRawBufferPointer(rebasing: raw[filled...])
                let received = recv(descriptor, part.baseAddress, part.count, flags)
                if received < 0 { failure = .current }
                return received
            }
            if let failure {
                if UnixSocket.isPassing(failure, deadline) { continue }
                throw DMError(failure, "control socket")
            }
            if received == 0 {
                if filled == 0 { return nil }
                throw DMError(.connectionReset, "control socket: cut in the middle")
            }
            filled += received
        }
        return bytes
    }

    /// Takes exactly so many bytes, and keeps none. False: the peer is gone.
    func skip(_ count: Int) throws(DMError) -> Bool {
        var left = count
        while left > 0 {
            let piece = min(left, UnixSocket.firstChunk)
            guard try receive(piece) != nil else { return false }
            left -= piece
        }
        return true
    }

    /// Waits until the socket is ready for that, or the peer is gone. ETIMEDOUT: `deadline` passed.
    func wait(for event: CInt, until deadline: Deadline) throws(DMError) {
        while true {
            let left = deadline.millisecondsLeft
            guard left > 0 else { throw DMError(.timedOut, "control socket") }
            var polled = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            let ready = poll(&polled, 1, CInt(clamping: left))
            if ready > 0 { return }
            let failure = Errno.current
            if ready < 0, failure != .interrupted { throw DMError(failure, "control socket") }
        }
    }

    /// Whether a call is to be made again: a signal came, or another ready socket turned out not to
    /// be, where we don't wait in the call itself.
    static func isPassing(_ failure: Errno, _ deadline: Deadline?) -> Bool {
        failure == .interrupted
            || (deadline != nil && failure == .resourceTemporarilyUnavailable)
    }

    /// How long connect(2) may wait for room in the listener's queue (EAGAIN); nil: for ever.
    private func limitConnect(milliseconds: UInt32?) {
        let flags = fcntl(descriptor, F_GETFL) & ~O_NONBLOCK
        _ = fcntl(descriptor, F_SETFL, milliseconds == 0 ? flags | O_NONBLOCK : flags)
        // It counts for sends, too. 0: no limit.
        let limit = Int(milliseconds ?? 0)
        var time = timeval(tv_sec: limit / 1000, tv_usec: limit % 1000 * 1000)
        setsockopt(
            descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Ends the conversation in both directions; whoever waits on the socket wakes.
    func shutdown() { Glibc.shutdown(descriptor, CInt(SHUT_RDWR)) }

    private static let firstChunk = 64 << 10
}

/// Two sockets connected with each other.
struct SocketPair: ~Copyable, Sendable {
    let near: UnixSocket
    let far: UnixSocket
}

extension [UInt8] {
    /// Grows to `size` bytes. The memory that is left behind is wiped: a key may have been in it
    /// (DM_SECURE_DATA).
    fileprivate mutating func grow(to size: Int) {
        let old = count
        var larger = [UInt8](unsafeUninitializedCapacity: size) { memory, initialized in
            memory.initialize(repeating: 0)
            initialized = memory.count
        }
        larger.replaceSubrange(0..<old, with: self)
        wipe()
        self = larger
    }

    /// Overwrites the bytes with zeros, in a way that is not optimised away.
    mutating func wipe(from start: Int = 0) {
        withUnsafeMutableBytes { bytes in
            let wiped = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            if let base = wiped.baseAddress { explicit_bzero(base, wiped.count) }
        }
    }
}
