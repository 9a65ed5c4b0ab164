package import DeviceMapper
package import SystemPackage

/// What a control server is made with.
package struct ServerConfiguration: Sendable {
    /// Where it listens.
    package var socketPath: ByteString
    /// The mounting user. Root may always connect.
    package var owner: UInt32
    /// Absolute path of the mount, and its `st_dev`: paths of table lines that lead there mean our
    /// own devices.
    package var mountPoint: ByteString
    package var mountDevice: UInt64
    /// Each has a thread of its own.
    package var maximumConnections = 1024
    /// How long a client may take to say hello, from its first byte to its last.
    package var helloMilliseconds: UInt32 = 10_000
    /// A client that has asked nothing, or taken no reply, for so long may have to go when all
    /// places are taken.
    package var idleMilliseconds: UInt32 = 10_000
    /// How long the end of the daemon waits for the client that asked for it to take its reply.
    package var replyMilliseconds: UInt32 = 10_000
    /// The user at the other end of a connection; nil: unknown, refused. Tests put their own in.
    package var peerUser: @Sendable (_ descriptor: CInt) -> UInt32? = UnixSocket.peerUser
    /// Told what the kernel logs: the reason of a refusal, devices that remove_all left. For clients
    /// that know only an errno, as dmsetup does. On a client's thread, with no lock held.
    package var log: @Sendable (_ line: String) -> Void = { _ in }

    package init(
        socketPath: ByteString, owner: UInt32, mountPoint: ByteString, mountDevice: UInt64
    ) {
        self.socketPath = socketPath
        self.owner = owner
        self.mountPoint = mountPoint
        self.mountDevice = mountDevice
    }

    /// Who may give commands: the mounting user and root.
    func admits(_ user: UInt32?) -> Bool { user == owner || user == 0 }
}

/// Answers dmfuse's own requests that the control plane does not know: unmount. Called on the
/// client's thread, with no lock held.
package typealias OwnRequestHandler =
    @Sendable (_ command: DMFuseCommand, _ argument: [UInt8]) -> OwnReply

/// What such a handler gives.
package struct OwnReply: Sendable {
    package var reply: ControlReply
    /// Called once the client has the reply, or is gone.
    package var afterwards: (@Sendable () -> Void)?

    package init(
        errno: Errno?, reason: String = "", afterwards: (@Sendable () -> Void)? = nil
    ) {
        reply = ControlReply(errno: errno, reason: reason)
        self.afterwards = afterwards
    }
}
