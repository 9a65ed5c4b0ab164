import DeviceMapper
import Glibc

/// How a daemon tells the command that started it that the mount answers, or why not: one line
/// through a pipe.
struct Readiness {
    /// Nil: in the foreground nobody waits for it.
    private let descriptor: CInt?
    private let console: Console

    private static let ready = "ready"

    init(descriptor: CInt?, console: Console) {
        self.descriptor = descriptor
        self.console = console
    }

    func reportReady() { send(Self.ready) }

    /// The one line of a daemon that couldn't start.
    func reportFailure(_ line: String) {
        guard descriptor != nil else { return console.report("dmfuse: \(line)") }
        send(line)
    }

    private func send(_ line: String) {
        guard let descriptor else { return }
        // One line, whatever a path in it holds.
        SystemCalls.write(Printable.bytes(line.utf8) + [UInt8(ascii: "\n")], to: descriptor)
        close(descriptor)
    }

    /// The other end: nil when the daemon is ready, or why it isn't.
    static func wait(on descriptor: CInt) -> String? {
        guard let line = SystemCalls.line(of: descriptor) else {
            return "mount: the daemon ended before the mount answered"
        }
        return line == ByteString(ready) ? nil : line.string
    }
}
