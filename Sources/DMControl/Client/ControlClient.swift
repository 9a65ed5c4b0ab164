package import DeviceMapper
import Glibc
import SystemPackage

/// A connection to a daemon's control socket, as `/dev/mapper/control` is to the kernel.
///
/// One request at a time, from one thread at a time. Every call throws `DMError`: the errno that
/// the kernel would give, and as its message what the kernel would log. When the daemon can't be
/// reached or goes away the message names the control socket.
package final class ControlClient {
    /// Block major of the mapped devices.
    package let mappedMajor: UInt32

    private let socket: UnixSocket
    /// What the longest reply needed until now: like libdevmapper we do not start small again.
    var bufferSize = 16 << 10

    /// Connects to the mount at `directory`, by its `mapper/control`.
    ///
    /// `deviceDirectory` is what the client takes for /dev (`DM_DEV_DIR`): paths in table lines are
    /// resolved against it and against the working directory.
    /// ENOENT, ENOTDIR: no mount there; ECONNREFUSED, ENOTCONN: its daemon is dead; EACCES: not
    /// the mounting user's; ETIMEDOUT: its daemon doesn't answer.
    package convenience init(mount directory: String, deviceDirectory: String) throws(DMError) {
        try self.init(socket: directory + "/mapper/control", deviceDirectory: deviceDirectory)
    }

    /// Connects to a control socket.
    package init(socket path: String, deviceDirectory: String) throws(DMError) {
        socket = try UnixSocket.connect(to: path, milliseconds: ControlClient.patience)
        mappedMajor = try ControlClient.greet(socket, path, deviceDirectory)
    }

    /// Milliseconds in which a daemon lets us in, or is taken for one that doesn't answer.
    private static let patience: UInt32 = 10_000

    private static func greet(
        _ socket: borrowing UnixSocket, _ path: String, _ deviceDirectory: String
    ) throws(DMError) -> UInt32 {
        guard deviceDirectory.utf8.count <= ControlProtocol.longestDeviceDirectory else {
            throw DMError(.fileNameTooLong, deviceDirectory)
        }
        let hello = Hello.encode(deviceDirectory: deviceDirectory)
        // One that may not be searched is not sent: relative paths then lead nowhere.
        let workingDirectory = open(".", UnixSocket.pathOnly | O_DIRECTORY | O_CLOEXEC)
        defer { if workingDirectory >= 0 { close(workingDirectory) } }
        var failure: DMError?
        do throws(DMError) {
            if workingDirectory >= 0 {
                try socket.send(hello, passing: workingDirectory)
            } else {
                try socket.send(hello)
            }
        } catch {
            // A refusal is sent without waiting for a hello: it may lie there already.
            failure = error
        }
        guard let bytes = try receiveAnswer(socket, path) else {
            throw failure ?? DMError(.connectionReset, "\(path): the daemon closed the connection")
        }
        let answer = HelloAnswer(reading: bytes)
        if let errno = answer.errno { throw DMError(errno, path) }
        return answer.mappedMajor
    }

    /// From the first call on a daemon may take its time.
    private static func receiveAnswer(
        _ socket: borrowing UnixSocket, _ path: String
    ) throws(DMError) -> [UInt8]? {
        socket.limit(receiveSeconds: Int(patience / 1000))
        defer { socket.limit(receiveSeconds: 0) }
        do throws(DMError) {
            return try socket.receive(ControlProtocol.helloAnswerSize)
        } catch {
            guard error.errno == .resourceTemporarilyUnavailable else { throw error }
            throw DMError(.timedOut, path)
        }
    }

    /// One request, as `ioctl(2)` would carry it. Throws only when there is no reply: a refusal is
    /// in the reply.
    package func call(_ number: CommandNumber, _ argument: [UInt8]) throws(DMError) -> ControlReply
    {
        guard let size = UInt32(exactly: argument.count) else {
            throw DMError(.invalidArgument, "control socket: too long a request")
        }
        var head: [UInt8] = []
        head.append(number: number.rawValue)
        head.append(number: size)
        try socket.send(head)
        try socket.send(argument)

        guard let replyHead = try socket.receive(ControlProtocol.replyHeadSize) else {
            throw gone
        }
        let code: Int32 = replyHead.number(at: 0)
        let bytes = try receive(replyHead.number(at: 4))
        let reason = try receive(replyHead.number(at: 8))
        return ControlReply(
            errno: code == 0 ? nil : Errno(rawValue: code), bytes: bytes,
            reason: String(decoding: reason, as: UTF8.self))
    }

    private func receive(_ size: UInt32) throws(DMError) -> [UInt8] {
        guard let bytes = try socket.receive(Int(size)) else { throw gone }
        return bytes
    }

    private var gone: DMError {
        DMError(.connectionReset, "control socket: the daemon closed the connection")
    }
}
