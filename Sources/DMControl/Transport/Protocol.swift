import DeviceMapper
package import SystemPackage

/// The frames on the control socket. Numbers are in the host's byte order: it is a local socket.
///
/// The client's hello comes first: magic, u32 protocol version, u32 length of the device directory,
/// its bytes; with the first byte travels a descriptor of the client's working directory
/// (SCM_RIGHTS, O_PATH). The answer is s32 errno, u32 protocol version, u32 major of the mapped
/// devices, u32 zero.
///
/// Then requests: u32 ioctl number, u32 size, the bytes of the ioctl's argument. Each is answered
/// by s32 errno, u32 size of the bytes that the kernel would write back, u32 size of the reason,
/// u32 zero; the bytes; the reason, which is a line of text (`Printable`).
enum ControlProtocol {
    static let magic: [UInt8] = Array("dmfuse\u{0}\u{1}".utf8)
    static let version: UInt32 = 1
    static let helloHeadSize = 16
    static let helloAnswerSize = 16
    static let requestHeadSize = 8
    static let replyHeadSize = 16
    /// `PATH_MAX`.
    static let longestDeviceDirectory: UInt32 = 4096
    /// A refusal's reason is a line.
    static let longestReason: UInt32 = 1 << 16
}

/// The head of a client's hello.
struct Hello {
    var version: UInt32
    var directoryLength: UInt32

    /// EPROTO: not a hello of dmfuse.
    init(reading bytes: [UInt8]) throws(DMError) {
        guard bytes.starts(with: ControlProtocol.magic) else {
            throw DMError(.protocolError, "not a client of dmfuse")
        }
        version = bytes.number(at: 8)
        directoryLength = bytes.number(at: 12)
    }

    static func encode(deviceDirectory: ByteString) -> [UInt8] {
        let directory = deviceDirectory.bytes
        var bytes = ControlProtocol.magic
        bytes.append(number: ControlProtocol.version)
        bytes.append(number: UInt32(truncatingIfNeeded: directory.count))
        return bytes + directory
    }
}

/// The server's answer to a hello.
struct HelloAnswer {
    var errno: Errno?
    var version = ControlProtocol.version
    var mappedMajor: UInt32

    init(errno: Errno? = nil, mappedMajor: UInt32) {
        self.errno = errno
        self.mappedMajor = mappedMajor
    }

    init(reading bytes: [UInt8]) {
        let code: Int32 = bytes.number(at: 0)
        errno = code == 0 ? nil : Errno(rawValue: code)
        version = bytes.number(at: 4)
        mappedMajor = bytes.number(at: 8)
    }

    func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(number: errno?.rawValue ?? 0)
        bytes.append(number: version)
        bytes.append(number: mappedMajor)
        bytes.append(number: UInt32(0))
        return bytes
    }
}

/// The answer to one request.
package struct ControlReply: Sendable, Equatable {
    /// Nil: the call succeeded.
    package var errno: Errno?
    /// What is written back over the beginning of the argument; the rest of it stays.
    package var bytes: [UInt8]
    /// What the kernel would have logged; may be empty.
    package var reason: String

    package init(errno: Errno?, bytes: [UInt8] = [], reason: String = "") {
        self.errno = errno
        self.bytes = bytes
        self.reason = reason
    }

    func encodeHead() -> [UInt8] {
        var head: [UInt8] = []
        head.append(number: errno?.rawValue ?? 0)
        head.append(number: UInt32(truncatingIfNeeded: bytes.count))
        head.append(number: UInt32(truncatingIfNeeded: cutReason.count))
        head.append(number: UInt32(0))
        return head
    }

    /// The reason as it is sent: a line that clients and their logs may print as it is.
    var cutReason: [UInt8] {
        Array(Printable.bytes(reason.utf8).prefix(Int(ControlProtocol.longestReason)))
    }
}
