import ArgumentParser
import DeviceMapper

/// Words of a command line on their way through swift-argument-parser, which takes and gives
/// `String`s: a path need not be UTF-8, and a Unicode mark that begins one would join the "=" before
/// it to one `Character`, where the parser looks for an "=".
///
/// ASCII stays. Each other byte becomes a scalar of its own, private use, that joins no other.
enum ParserText {
    private static let base: UInt32 = 0x10_ff00

    static func encode(_ word: ByteString) -> String {
        var text = String.UnicodeScalarView()
        for byte in word.bytes {
            let scalar = Unicode.Scalar(byte < 0x80 ? UInt32(byte) : base + UInt32(byte))
            if let scalar { text.append(scalar) }
        }
        return String(text)
    }

    /// Also of the parser's own texts, in which words of the command line stand.
    static func decode(_ text: String) -> ByteString {
        ByteString(
            text.unicodeScalars.flatMap { scalar -> [UInt8] in
                switch scalar.value {
                case (base + 0x80)...(base + 0xff): [UInt8(scalar.value - base)]
                default: Array(String(scalar).utf8)
                }
            })
    }
}

extension ByteString: ExpressibleByArgument {
    package init?(argument: String) { self = ParserText.decode(argument) }
}
