import DeviceMapper
import Glibc
import SystemPackage

/// The thread that waits for a request, as proc(5) shows it.
enum Client {
    /// Whether it is about to die of a signal, or gone, or not to be seen from here.
    ///
    /// The kernel interrupts a request for any signal. A block device's read is not to be interrupted
    /// by one that the client only handles: programs don't expect EINTR of a file, and some get
    /// signals by the thousand. But whoever dies shall not wait for a suspended device.
    static func isDying(_ thread: pid_t) -> Bool {
        guard thread > 0, let text = status(of: thread) else { return true }
        return isDying(status: text)
    }

    /// The same by the text of /proc/PID/status. The kernel makes every deadly signal a SIGKILL of
    /// all threads, but for those that dump core.
    static func isDying(status text: String) -> Bool {
        var sets: [Substring: UInt64] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("S") {
            let words = line.split { $0 == ":" || $0 == "\t" || $0 == " " }
            if words.count == 2 { sets[words[0]] = UInt64(words[1], radix: 16) }
        }
        guard let own = sets["SigPnd"], let shared = sets["ShdPnd"], let blocked = sets["SigBlk"],
            let ignored = sets["SigIgn"], let caught = sets["SigCgt"]
        else { return true }
        return (own | shared) & ~(blocked | ignored | caught | harmless) != 0
    }

    /// Signals that stop, continue or do nothing where they aren't handled.
    private static let harmless: UInt64 = [
        SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
    ].reduce(0) { $0 | 1 << UInt64($1 - 1) }

    private static func status(of thread: pid_t) -> String? {
        do {
            let file = try FileDescriptor.open(
                FilePath("/proc/\(thread)/status"), .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            // The kernel gives all of it at once.
            var text = [UInt8](repeating: 0, count: 8 << 10)
            let count = try text.withUnsafeMutableBytes { try file.read(into: $0) }
            return String(decoding: text[..<count], as: UTF8.self)
        } catch {
            // Whatever it is: nothing is known of the client then.
            return nil
        }
    }
}
