/// Numbers as the kernel reads them in table lines.
enum TargetNumber {
    /// `sscanf("%llu%c") == 1`: decimal digits only, leading blanks allowed, nothing behind. A
    /// number too long wraps modulo 2^64, as the kernel's `simple_strtoull` does.
    static func sector(_ word: ByteString) -> UInt64? {
        let digits = word.bytes.drop(while: isSpace)
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard let digit = decimal(byte) else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    /// `kstrtouint(word, 10, …)`: an optional '+', decimal digits, at most 2^32 - 1, and one
    /// newline may follow.
    static func unsigned(_ word: ByteString) -> UInt32? {
        var digits = word.bytes[...]
        if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        if digits.last == UInt8(ascii: "\n") { digits = digits.dropLast() }
        return Digits.number(digits)
    }

    /// The kernel's `isspace`: HT, LF, VT, FF, CR, space, and Latin-1's no-break space.
    static func isSpace(_ byte: UInt8) -> Bool {
        (9...13).contains(byte) || byte == 32 || byte == 0xa0
    }

    private static func decimal(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }
}
