/// How bytes from outside are shown to people: on a terminal, in a log, in the reason of a refusal.
///
/// A byte that a terminal or a log would act on becomes `\xNN`, two hexadecimal digits in lower
/// case, as libdevmapper mangles names and as the kernel's /dev/kmsg writes its log. These are
/// control characters (C0, DEL, and C1, in both of its bytes), line and paragraph separators,
/// characters that change the direction of writing, and each byte that isn't UTF-8. All else stays,
/// a backslash too, so what is shown once may be shown again and stays as it is.
///
/// What programs read is not written so: the output of `table`, `ls` or `info` is dmsetup's, byte
/// for byte, and dmsetup mangles names by itself.
package enum Printable {
    /// On one line, and valid UTF-8.
    package static func bytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let source = Array(bytes)
        var shown: [UInt8] = []
        shown.reserveCapacity(source.count)
        var parser = Unicode.UTF8.ForwardParser()
        var rest = source.makeIterator()
        var position = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .emptyInput:
                return shown
            case .valid(let encoded):
                let end = position + encoded.count
                if isShown(Unicode.UTF8.decode(encoded)) {
                    shown += source[position..<end]
                } else {
                    source[position..<end].forEach { shown += escaped($0) }
                }
                position = end
            case .error(let length):
                source[position..<(position + length)].forEach { shown += escaped($0) }
                position += length
            }
        }
    }

    /// The bytes as `bytes` shows them, as a string.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: Printable.bytes(bytes), as: UTF8.self)
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20..<0x7f).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        default: return !scalar.properties.isBidiControl
        }
    }

    /// `\xNN`.
    package static func escaped(_ byte: UInt8) -> [UInt8] {
        [UInt8(ascii: "\\"), UInt8(ascii: "x"), digit(byte >> 4), digit(byte & 0xf)]
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
