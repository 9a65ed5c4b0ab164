import DeviceMapper
import SystemPackage

/// Why a command was refused, in dmsetup's words and in ours.
struct Refusal: Error, Equatable {
    /// dmsetup's lines on standard error, before its "Command failed.".
    var lines: [String]
    /// One clause: "Invalid argument", or what the first line says.
    var cause: String
    /// The target's or the daemon's reason in the kernel's words; may be empty.
    var reason = ""
    /// What the daemon answered, if it was asked.
    var errno: Errno?
    /// The device it is about, where the command's words don't name it.
    var device: ByteString?
    /// Everything was already said, on the way.
    var isReported = false

    init(_ lines: [String], cause: String? = nil, reason: String = "") {
        self.lines = lines
        self.cause = cause ?? lines.first ?? ""
        self.reason = reason
    }

    init(_ line: String) { self.init([line]) }

    /// About something that the command's words may not name.
    init(_ line: String, about device: ByteString) {
        self.init([line])
        self.device = device
    }

    /// libdevmapper's, of a number without a major.
    static let missingMajor = Refusal([
        "Missing major number for persistent device.", "Couldn't create ioctl argument.",
    ])

    static let alreadyReported: Refusal = {
        var refusal = Refusal([])
        refusal.isReported = true
        return refusal
    }()

    /// What stands after "dmfuse: " and the command.
    var clause: String {
        reason.isEmpty ? cause : "\(cause): \(reason)"
    }
}
