import Logging

/// Writes what the daemon logs to standard error, a line a message: in the foreground.
struct TerminalLog: LogHandler {
    private var stream = StreamLogHandler.standardError(label: "dmfuse")

    var metadata: Logger.Metadata {
        get { stream.metadata }
        set { stream.metadata = newValue }
    }
    var logLevel: Logger.Level {
        get { stream.logLevel }
        set { stream.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { stream[metadataKey: key] }
        set { stream[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = "\(LogLine.text(event.message.description))"
        stream.log(event: event)
    }
}
