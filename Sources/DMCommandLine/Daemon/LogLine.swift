import DeviceMapper

/// A message of the daemon's log: one line, as `Printable` shows it, whatever stands in it.
enum LogLine {
    private static let ellipsis = Array("...".utf8)

    static func bytes(_ message: String) -> [UInt8] {
        // No byte is shown by less than one: what comes later would be cut in any case.
        let line = Printable.bytes(message.utf8.prefix(Limits.logLineBytes + 1))
        guard line.count > Limits.logLineBytes else { return line }
        var kept = line.prefix(Limits.logLineBytes - ellipsis.count)
        // Not in the middle of a character.
        while let last = kept.last, line[kept.count] & 0xc0 == 0x80, last >= 0x80 {
            kept.removeLast()
        }
        return kept + ellipsis
    }

    static func text(_ message: String) -> String {
        String(decoding: bytes(message), as: UTF8.self)
    }
}
