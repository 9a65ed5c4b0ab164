import Glibc

/// A line of a text in /proc.
package enum ProcLine {
    /// What follows a name at its beginning. Nil: it has another.
    package static func value(
        of name: StaticString, _ line: Slice<UnsafeRawBufferPointer>
    ) -> Slice<UnsafeRawBufferPointer>? {
        let prefix = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return line.starts(with: prefix) ? line.dropFirst(prefix.count) : nil
    }

    /// The digits up to what is none. Nil: there are none, or too many.
    package static func number(_ text: Slice<UnsafeRawBufferPointer>, radix: UInt8) -> UInt64? {
        let digits = text.prefix { byte in Digits.value(byte).map { $0 < radix } ?? false }
        return Digits.number(digits, radix: radix)
    }

    /// What `value` makes of the file's text. Nil: there is none, as when what it tells of is gone.
    package static func read<Value>(
        _ file: Int32, _ value: (UnsafeRawBufferPointer) -> Value?
    ) -> Value? {
        withUnsafeTemporaryAllocation(byteCount: 8 << 10, alignment: 1) { text in
            // The kernel gives all of it at once.
            let count = pread(file, text.baseAddress, text.count, 0)
            return count > 0 ? value(UnsafeRawBufferPointer(rebasing: text[..<count])) : nil
        }
    }
}
