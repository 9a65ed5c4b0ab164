import DeviceMapper
import Glibc

/// `--exec COMMAND` of ls, status and table: runs a command, to which the path of the device's file
/// is added, and waits for its end. What comes of it is not looked at, as with dmsetup.
enum ExecOption {
    private static let mostWords = 64

    /// `name` as the daemon holds it, which is that of the file.
    static func run(_ name: ByteString, _ invocation: Invocation) throws(Refusal) {
        guard let command = invocation.options.exec else { return }
        var words = command.bytes.split(whereSeparator: Decimal.isSpace).map { ByteString($0) }
        // dmsetup fails without a word.
        guard !words.isEmpty else { throw Refusal([], cause: "No command to execute.") }
        guard words.count < mostWords else { throw Refusal("Too many args to --exec.") }
        words.append(try invocation.daemon.mount().nodePath(name))
        SystemCalls.runAndWait(words)
    }
}
