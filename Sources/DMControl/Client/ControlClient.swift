import CLinux
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

    /// How long a daemon may take to answer a hello. What a command waits for by its nature has no
    /// bound.
    package static let patience: UInt32 = 10_000

    /// Connects to the mount at `directory`, by its `mapper/control`.
    ///
    /// `deviceDirectory` is what the client takes for /dev (`DM_DEV_DIR`): paths in table lines are
    /// resolved against it and against the working directory.
    /// ENOENT, ENOTDIR: no mount there; ECONNREFUSED, ENOTCONN: its daemon is dead; EACCES: not
    /// the mounting user's, or its daemon is run by neither the calling user nor root, and has been
    /// told nothing; ETIMEDOUT: its daemon doesn't answer within `patience`.
    package convenience init(mount directory: ByteString, deviceDirectory: ByteString)
        throws(DMError)
    {
        try self.init(socket: directory + "/mapper/control", deviceDirectory: deviceDirectory)
    }

    /// Connects to a control socket. `serverUser`: the user who listens there; tests put their own in.
    package init(
        socket path: ByteString, deviceDirectory: ByteString, milliseconds: UInt32 = patience,
        serverUser: (_ descriptor: CInt) -> UInt32? = UnixSocket.peerUser
    ) throws(DMError) {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        socket = try BoundedConnect.socket(at: path, until: deadline)
        try ControlClient.check(serverUser(socket.descriptor), path)
        mappedMajor = try ControlClient.greet(socket, path, deviceDirectory, until: deadline)
    }

    /// Before anything is sent, above all the working directory: with its descriptor others would
    /// get into a directory to which no path leads them. Root is no exception and has no dealings
    /// with a daemon of others.
    private static func check(_ user: UInt32?, _ path: ByteString) throws(DMError) {
        guard let user, user == clinux_effective_user() || user == 0 else {
            let who = user.map { "user \($0)" } ?? "an unknown user"
            throw DMError(.permissionDenied, "\(path): served by \(who)")
        }
    }

    private static func greet(
        _ socket: borrowing UnixSocket, _ path: ByteString, _ deviceDirectory: ByteString,
        until deadline: Deadline
    ) throws(DMError) -> UInt32 {
        guard deviceDirectory.count <= ControlProtocol.longestDeviceDirectory else {
            throw DMError(.fileNameTooLong, deviceDirectory.string)
        }
        let hello = Hello.encode(deviceDirectory: deviceDirectory)
        // One that may not be searched is not sent: relative paths then lead nowhere.
        let workingDirectory = open(".", OpenFlags.path | O_DIRECTORY | O_CLOEXEC)
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
        let size = ControlProtocol.helloAnswerSize
        guard let bytes = try socket.receive(size, until: deadline) else {
            throw failure ?? DMError(.connectionReset, "\(path): the daemon closed the connection")
        }
        let answer = HelloAnswer(reading: bytes)
        if let errno = answer.errno { throw DMError(errno, path.string) }
        return answer.mappedMajor
    }

    /// One request, as `ioctl(2)` would carry it. Throws only when there is no reply: a refusal is
    /// in the reply. EPROTO: the reply is longer than the request, or none of this protocol; the
    /// connection is then of no use any more.
    package func call(_ number: CommandNumber, _ argument: [UInt8]) throws(DMError) -> ControlReply
    {
        guard let argumentSize = UInt32(exactly: argument.count) else {
            throw DMError(.invalidArgument, "control socket: too long a request")
        }
        var head: [UInt8] = []
        head.append(number: number.rawValue)
        head.append(number: argumentSize)
        try socket.send(head)
        try socket.send(argument)

        guard let replyHead = try socket.receive(ControlProtocol.replyHeadSize) else {
            throw gone
        }
        let code: Int32 = replyHead.number(at: 0)
        let size: UInt32 = replyHead.number(at: 4)
        let reasonSize: UInt32 = replyHead.number(at: 8)
        // No more is taken than the argument has room for.
        guard code >= 0, size <= argument.count, reasonSize <= ControlProtocol.longestReason else {
            socket.shutdown()
            throw DMError(.protocolError, "control socket: not a reply to what was asked")
        }
        let bytes = try receive(size)
        let reason = try receive(reasonSize)
        return ControlReply(
            errno: code == 0 ? nil : Errno(rawValue: code), bytes: bytes,
            reason: Printable.text(reason))
    }

    private func receive(_ size: UInt32) throws(DMError) -> [UInt8] {
        guard let bytes = try socket.receive(Int(size)) else { throw gone }
        return bytes
    }

    private var gone: DMError {
        DMError(.connectionReset, "control socket: the daemon closed the connection")
    }
}
