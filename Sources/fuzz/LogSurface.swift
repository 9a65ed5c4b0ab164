#if FUZZING
    import DeviceMapper
    import Glibc

    @testable import DMCommandLine

    /// A line of the daemon's log: whatever bytes go in, one line of characters that only print comes
    /// out, and syslog(3) takes none of them for a format.
    enum LogSurface {
        static func run(_ bytes: [UInt8]) {
            // As a word of a table gets into a message, and as a text that is UTF-8 already.
            check("linear: (\(ByteString(bytes)): no)")
            check(String(decoding: bytes, as: UTF8.self))
        }

        private static func check(_ message: String) {
            let line = formatted(message)
            precondition(line.count <= Limits.logLineBytes, "a line too long")
            precondition(line == LogLine.bytes(message), "a message was a format")
            guard let text = String(validating: line, as: UTF8.self) else {
                preconditionFailure("a line that is not UTF-8")
            }
            for scalar in text.unicodeScalars {
                let isPrinted =
                    switch scalar.value {
                    case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: false
                    default: true
                    }
                precondition(isPrinted, "U+\(String(scalar.value, radix: 16)) in a line")
            }
        }

        /// What the C library makes of what vsyslog(3) gets.
        private static func formatted(_ message: String) -> [UInt8] {
            var buffer = [CChar](repeating: 0, count: Limits.logLineBytes + 1)
            let count = SystemLog.withFormat(message) {
                vsnprintf(&buffer, buffer.count, $0, $1)
            }
            precondition(count >= 0 && Int(count) < buffer.count, "a line too long to format")
            return buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }
        }
    }
#endif
