import DeviceMapper

/// The name under which we were called decides how we speak.
enum Personality {
    /// Ours: a refusal is one line.
    case dmfuse
    /// dmsetup's lines to the byte, then a line with the reason.
    case dmsetup

    init(programName: ByteString) {
        self = programName.lastComponent == ByteString("dmsetup") ? .dmsetup : .dmfuse
    }
}

/// Says on standard error what went wrong.
final class Diagnostics {
    private let personality: Personality
    private let console: Console
    private let command: String
    /// Kernel's words, to be printed at the very end under dmsetup's name.
    private var reasons: [String] = []

    init(_ personality: Personality, console: Console, command: String) {
        self.personality = personality
        self.console = console
        self.command = command
    }

    /// A refusal after which the command goes on, or which ends it.
    func report(_ refusal: Refusal, device: ByteString?) {
        guard !refusal.isReported else { return }
        switch personality {
        case .dmsetup:
            note(refusal)
        case .dmfuse:
            let name = device.map { " \($0.string)" } ?? ""
            console.report("dmfuse: \(command)\(name): \(refusal.clause)")
        }
    }

    /// What dmsetup says on the way to a success or a clearer failure; ours is silent then.
    func note(_ refusal: Refusal) {
        guard personality == .dmsetup else { return }
        refusal.lines.forEach { console.report($0) }
        let isKnown = reasons.contains { $0.utf8.elementsEqual(refusal.reason.utf8) }
        if !refusal.reason.isEmpty, !isKnown { reasons.append(refusal.reason) }
    }

    /// A line that says something whether or not the command succeeds.
    func warn(_ line: String) {
        console.report(personality == .dmsetup ? line : "dmfuse: \(command): \(line)")
    }

    /// The end of a command that failed.
    func commandFailed() {
        guard personality == .dmsetup else { return }
        console.report("Command failed.")
        reasons.forEach { console.report($0) }
    }
}
