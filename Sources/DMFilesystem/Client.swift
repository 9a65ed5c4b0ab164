import DeviceMapper
import Glibc
import SystemPackage

/// The thread that waits for a request, as proc(5) shows it.
enum Client {
    /// Whether a signal waits for it that kills it or asks it to end; or it is gone, or not to be seen
    /// from here.
    ///
    /// The kernel interrupts a request for any signal, once. A block device's read is interrupted by
    /// none: programs don't expect EINTR of one, a timer or a profiler sends signals by the thousand,
    /// and SA_RESTART, which a program may rely on, does nothing for an EINTR that we answer. But
    /// who dies or is asked to end, by Ctrl-C too, shall not wait for a suspended device, whether he
    /// handles that signal (dd does) or not.
    static func isAskedToEnd(_ thread: pid_t) -> Bool {
        guard thread > 0, let text = status(of: thread) else { return true }
        return isAskedToEnd(status: text)
    }

    /// The same by the text of /proc/PID/status. The kernel makes every deadly signal a SIGKILL of
    /// all threads, but for those that dump core.
    static func isAskedToEnd(status text: [UInt8]) -> Bool {
        // The first line holds the client's own name for itself, which may be anything.
        var sets: [ByteString: UInt64] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "S".utf8) {
            let words = line.split { ":\t ".utf8.contains($0) }
            if words.count == 2 { sets[ByteString(words[0])] = Digits.number(words[1], radix: 16) }
        }
        guard let own = sets["SigPnd"], let shared = sets["ShdPnd"], let blocked = sets["SigBlk"],
            let ignored = sets["SigIgn"], let caught = sets["SigCgt"]
        else { return true }
        let pending = (own | shared) & ~(blocked | ignored)
        return pending & (requests | ~(caught | harmless)) != 0
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

    private static func status(of thread: pid_t) -> [UInt8]? {
        do {
            let file = try FileDescriptor.open(
                FilePath("/proc/\(thread)/status"), .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            // The kernel gives all of it at once.
            var text = [UInt8](repeating: 0, count: 8 << 10)
            let count = try text.withUnsafeMutableBytes { try file.read(into: $0) }
            return Array(text[..<count])
        } catch {
            // Whatever it is: nothing is known of the client then.
            return nil
        }
    }
}
