import DeviceMapper
import Glibc
import Logging
import Testing

@testable import DMCommandLine

@Suite struct LogTests {
    /// What hides a percent sign from who looks for a `Character`.
    private static let hidden = "/no/\u{600}%n\u{600}%n"

    private static func log(_ text: String) {
        SystemLog().log(
            event: LogEvent(
                level: .notice, message: "\(text)", metadata: nil, source: "", file: "",
                function: "", line: 0))
    }

    /// What the C library makes of a message.
    private func formatted(_ text: String) -> [UInt8] {
        var buffer = [CChar](repeating: 0x7e, count: 4 * Limits.logLineBytes)
        let count = SystemLog.withFormat(text) { vsnprintf(&buffer, buffer.count, $0, $1) }
        return buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }
    }

    @Test("a percent sign behind a mark that joins it is no format")
    func hiddenPercent() async {
        await #expect(processExitsWith: .success) { Self.log(Self.hidden) }
    }

    @Test("syslog gets a message as it is, on one line")
    func line() async throws {
        let result = try #require(
            await #expect(
                processExitsWith: .success, observing: [\.standardErrorContent],
                performing: {
                    openlog(nil, LOG_PERROR, LOG_USER)
                    Self.log(Self.hidden + "\n\u{1b}[2J%s")
                }))
        let said = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(said.hasSuffix(Self.hidden + "\\x0a\\x1b[2J%s\n"), "\(said)")
    }

    @Test(
        "whatever stands in a message",
        arguments: ["%", "%%", "%n%n", "\u{600}%n", "%\u{301}s", "100 %", ""])
    func formats(text: String) { #expect(formatted(text) == Array(text.utf8)) }

    @Test("a NUL doesn't end the message, nor a newline the line")
    func whole() {
        #expect(formatted("a\u{0}b\r\nc") == Array(#"a\x00b\x0d\x0ac"#.utf8))
    }

    @Test("a long message is cut behind a whole character", arguments: ["x", "é", "日", "👩", "\n"])
    func long(text: String) {
        let line = LogLine.bytes(String(repeating: text, count: 3 * Limits.logLineBytes))
        #expect(line.count <= Limits.logLineBytes && line.count > Limits.logLineBytes - 4)
        #expect(line.suffix(3) == Array("...".utf8)[...])
        #expect(Printable.bytes(line) == line)
        let short = String(repeating: "x", count: Limits.logLineBytes)
        #expect(LogLine.bytes(short) == Array(short.utf8))
    }

    @Test("in the foreground a message is a line, too")
    func foreground() async throws {
        let result = try #require(
            await #expect(
                processExitsWith: .success, observing: [\.standardErrorContent],
                performing: {
                    TerminalLog().log(
                        event: LogEvent(
                            level: .notice, message: "\("a\nb\u{1b}%n")", metadata: nil, source: "",
                            file: "", function: "", line: 0))
                }))
        let said = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(said.hasSuffix(#" a\x0ab\x1b%n"# + "\n"), "\(said)")
        #expect(said.utf8.count(where: { $0 == 0x0a }) == 1)
    }
}
