import DeviceMapper

/// Numbers as C's library reads them, since dmsetup's answers follow from that.
enum Decimal {
    /// C's isspace in the C locale.
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// `atoi(3)`: leading space and sign, then digits; 0 without any. A value out of range is cut
    /// to 32 bits as glibc does it (`strtol`, which saturates at 64 bits, then a conversion).
    static func atoi(_ bytes: [UInt8]) -> Int32 {
        var text = bytes[...].drop(while: isSpace)
        let negative = text.first == UInt8(ascii: "-")
        if negative || text.first == UInt8(ascii: "+") { text.removeFirst() }
        var value: Int64 = 0
        for digit in text.prefix(while: isDigit) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = tens.subtractingReportingOverflow(Int64(digit - 0x30))
            if overflow || overflow2 {
                return Int32(truncatingIfNeeded: negative ? Int64.min : .max)
            }
            value = sum  // negative, since Int64.min has no positive twin
        }
        return Int32(truncatingIfNeeded: negative ? value : 0 &- value)
    }

    /// What `scanf("%llu")` and `strtoull(3)` take from the front: leading space, an optional sign
    /// (a minus negates modulo 2^64), digits; saturating at 2^64 - 1. Nil without a digit.
    ///
    /// Advances `text` behind what was read.
    static func unsigned(_ text: inout ArraySlice<UInt8>) -> (value: UInt64, overflow: Bool)? {
        var rest = text.drop(while: isSpace)
        let negative = rest.first == UInt8(ascii: "-")
        if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        guard let first = rest.first, isDigit(first) else { return nil }
        var value: UInt64 = 0
        var overflow = false
        while let digit = rest.first, isDigit(digit) {
            let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = tens.addingReportingOverflow(UInt64(digit - 0x30))
            overflow = overflow || overflow1 || overflow2
            value = sum
            rest.removeFirst()
        }
        text = rest
        if overflow { return (.max, true) }
        return (negative ? 0 &- value : value, false)
    }

    /// `strtoul(3)` of all of a word: leading space, an optional sign (a minus negates modulo 2^64),
    /// digits. `base`: 8, 10, or 0, where "0x" stands before hexadecimal and "0" before octal
    /// digits. Nil: something else stands in it, or the number has more than 64 bits.
    static func whole(_ word: ByteString, base: UInt8) -> UInt64? {
        var rest = word.bytes.drop(while: isSpace)
        let negative = rest.first == UInt8(ascii: "-")
        if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        var base = base
        if base == 0, ByteString(rest).lowercased.hasPrefix("0x") {
            base = 16
            rest.removeFirst(2)
        } else if base == 0 {
            base = rest.first == UInt8(ascii: "0") ? 8 : 10
        }
        guard let value: UInt64 = Digits.number(rest, radix: base) else { return nil }
        return negative ? 0 &- value : value
    }
}
