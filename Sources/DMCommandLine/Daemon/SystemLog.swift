import DeviceMapper
import Glibc
import Logging

/// Sends what the daemon logs to syslog(3): in the background there is no terminal.
struct SystemLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    /// LOG_DAEMON, a macro that isn't imported.
    private static let daemonFacility: CInt = 3 << 3

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Once, before the first message. The name must live on, as a static string does.
    static func open() {
        let name: StaticString = "dmfuse"
        name.withUTF8Buffer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                openlog($0.baseAddress, LOG_PID, Self.daemonFacility)
            }
        }
    }

    func log(event: LogEvent) {
        Self.withFormat(event.message.description) { format, arguments in
            vsyslog(Self.priority(event.level), format, arguments)
        }
    }

    /// Calls `body` with what vsyslog(3) and vprintf(3) take. The format is ours, and the message is
    /// its one argument: nothing that came from outside is ever a format.
    static func withFormat<Result>(
        _ message: String,
        _ body: (_ format: UnsafePointer<CChar>, _ arguments: CVaListPointer) -> Result
    ) -> Result {
        ByteString(LogLine.bytes(message)).withCString { line in
            withVaList([line]) { arguments in body("%s", arguments) }
        }
    }

    private static func priority(_ level: Logger.Level) -> CInt {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}
