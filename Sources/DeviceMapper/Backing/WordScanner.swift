/// Reads numbers as the kernel's `vsscanf` does.
struct WordScanner {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// `%u`: leading blanks, then digits; the value modulo 2^32. Nil: no digit.
    mutating func unsigned() -> UInt32? {
        let digits = rest.drop(while: TargetNumber.isSpace)
        return number(digits, base: 10).map { UInt32(truncatingIfNeeded: $0) }
    }

    /// `simple_strtoul` to the base 16, with or without 0x. Nil: no digit.
    mutating func hexadecimal() -> UInt64? {
        let hasPrefix =
            rest.first == UInt8(ascii: "0")
            && rest.dropFirst().first.map { $0 | 0x20 } == UInt8(ascii: "x")
        return number(hasPrefix ? rest.dropFirst(2) : rest, base: 16)
    }

    private mutating func number(_ digits: ArraySlice<UInt8>, base: UInt64) -> UInt64? {
        var value: UInt64 = 0
        var left = digits
        while let digit = left.first.flatMap(WordScanner.value), digit < base {
            value = value &* base &+ digit
            left = left.dropFirst()
        }
        guard left.count < digits.count else { return nil }
        rest = left
        return value
    }

    private static func value(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
