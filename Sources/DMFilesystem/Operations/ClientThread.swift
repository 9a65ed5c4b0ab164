import DeviceMapper
import Glibc

/// What proc(5) says of a thread that waits for a request: its signals.
struct ClientSignals: Equatable {
    /// The process that it is a thread of.
    let process: pid_t
    /// Signals that are queued for all processes of its user, SIGKILL aside.
    let queued: UInt64
    /// Whether a signal waits for it that kills it or asks it to end.
    let askToEnd: Bool

    /// By the text of /proc/PID/status. Nil: something is missing. The kernel makes every deadly signal
    /// a SIGKILL of all threads, but for those that dump core.
    init?(status text: UnsafeRawBufferPointer) {
        var fields = Fields()
        for line in text.split(separator: UInt8(ascii: "\n")) { fields.note(line) }
        guard let process = fields.process, let queued = fields.queued,
            let own = fields.own, let shared = fields.shared, let blocked = fields.blocked,
            let ignored = fields.ignored, let caught = fields.caught
        else { return nil }
        self.process = process
        self.queued = queued
        let pending = (own | shared) & ~(blocked | ignored)
        askToEnd = pending & (ClientSignals.requests | ~(caught | ClientSignals.harmless)) != 0
    }

    private struct Fields {
        var process: pid_t?
        var queued, own, shared, blocked, ignored, caught: UInt64?

        mutating func note(_ line: Slice<UnsafeRawBufferPointer>) {
            func value(of name: StaticString, radix: UInt8) -> UInt64? {
                ProcLine.value(of: name, line).flatMap { ProcLine.number($0, radix: radix) }
            }
            if let number = value(of: "Tgid:\t", radix: 10) { process = pid_t(exactly: number) }
            if let number = value(of: "SigQ:\t", radix: 10) { queued = number }
            if let set = value(of: "SigPnd:\t", radix: 16) { own = set }
            if let set = value(of: "ShdPnd:\t", radix: 16) { shared = set }
            if let set = value(of: "SigBlk:\t", radix: 16) { blocked = set }
            if let set = value(of: "SigIgn:\t", radix: 16) { ignored = set }
            if let set = value(of: "SigCgt:\t", radix: 16) { caught = set }
        }
    }

    /// Signals by which a terminal, a shell or a service manager asks a program to end.
    private static let requests = set([SIGHUP, SIGINT, SIGQUIT, SIGTERM])

    /// Signals that stop, continue or do nothing where they aren't handled.
    private static let harmless = set([
        SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
    ])

    private static func set(_ signals: [Int32]) -> UInt64 {
        signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
    }
}

/// The thread that waits for a request.
enum ClientThread {
    /// Its signals at this moment. Nil: it is gone, or not to be seen from here.
    static func signals(of thread: pid_t) -> ClientSignals? {
        look(at: thread, ClientSignals.init(status:))
    }

    /// What it is at. Nil as above.
    static func status(of thread: pid_t) -> ThreadStatus? {
        look(at: thread, ThreadStatus.init(status:))
    }

    private static func look<Value>(
        at thread: pid_t, _ value: (UnsafeRawBufferPointer) -> Value?
    ) -> Value? {
        guard thread > 0 else { return nil }
        let file = open("/proc/\(thread)/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return ProcLine.read(file, value)
    }
}
