import DeviceMapper
import Glibc

/// A regular expression, POSIX extended. (libdevmapper has its own dialect, which for the patterns
/// that people write is the same.)
final class Pattern {
    private var compiled = regex_t()

    /// Nil if `text` is no regular expression.
    init?(_ text: ByteString) {
        let status = text.withCString { regcomp(&compiled, $0, REG_EXTENDED | REG_NOSUB) }
        guard status == 0 else { return nil }
    }

    deinit { regfree(&compiled) }

    func matches(_ text: ByteString) -> Bool {
        text.withCString { regexec(&compiled, $0, 0, nil, 0) == 0 }
    }
}
