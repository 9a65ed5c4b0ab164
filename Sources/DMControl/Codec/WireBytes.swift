import DeviceMapper

/// Numbers and strings inside the bytes of an ioctl's argument, in the host's byte order: the bytes
/// never leave the machine.
///
/// An offset outside the array is a programmer's error: what a client claims is compared with the
/// array's length before it gets here.
extension [UInt8] {
    func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type = Number.self, at offset: Int
    ) -> Number {
        span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self)
    }

    mutating func set<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number, at offset: Int
    ) {
        precondition(
            offset >= 0 && MemoryLayout<Number>.size <= count - offset, "a number outside its bytes"
        )
        withUnsafeMutableBytes { $0.storeBytes(of: number, toByteOffset: offset, as: Number.self) }
    }

    mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(number: Number) {
        Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) }
    }

    /// The bytes, without leaving a second owner behind.
    mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &self)
        return taken
    }

    /// Where the next NUL stands in `from..<end`, or nil.
    func firstNUL(from: Int, end: Int) -> Int? {
        let bytes = span
        var index = from
        while index < end {
            if bytes[index] == 0 { return index }
            index += 1
        }
        return nil
    }

    /// The string in a field: up to its first NUL, or all of the field if it has none.
    func string(at offset: Int, fieldSize: Int) -> ByteString {
        let end = offset + fieldSize
        return ByteString(self[offset..<(firstNUL(from: offset, end: end) ?? end)])
    }

    /// Writes a string and its NUL; the rest of the field stays as it is, as after `strlcpy`. A
    /// string too long for the field is cut.
    mutating func set(_ string: ByteString, at offset: Int, fieldSize: Int) {
        let kept = string.bytes.prefix(fieldSize - 1)
        replaceSubrange(offset..<(offset + kept.count), with: kept)
        self[offset + kept.count] = 0
    }

    /// Writes a string and its NUL and gives the offset behind the NUL. There must be room.
    @discardableResult
    mutating func setCString(_ string: some Collection<UInt8>, at offset: Int) -> Int {
        let end = offset + string.count
        precondition(end < count, "a string outside its bytes")
        replaceSubrange(offset..<end, with: string)
        self[end] = 0
        return end + 1
    }
}

/// The next multiple of 8, where every record of the interface starts (`align_val`).
func aligned(_ offset: Int) -> Int { (offset + 7) & ~7 }
