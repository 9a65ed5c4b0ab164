/// Numbers that are digits and nothing else, as bytes. (`Int("+7")` takes a sign.)
package enum Digits {
    /// Nil: empty, another byte than a digit of `radix` (at most 16), or too large a number.
    package static func number<Number: FixedWidthInteger>(
        _ digits: some Sequence<UInt8>, radix: UInt8 = 10
    ) -> Number? {
        var value: Number?
        for byte in digits {
            guard let digit = Digits.value(byte), digit < radix else { return nil }
            let (places, overflow) = (value ?? 0).multipliedReportingOverflow(by: Number(radix))
            let (sum, carry) = places.addingReportingOverflow(Number(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// The value of a hexadecimal digit, in either case.
    package static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46, 0x61...0x66: (digit | 0x20) - 0x61 + 10
        default: nil
        }
    }
}
