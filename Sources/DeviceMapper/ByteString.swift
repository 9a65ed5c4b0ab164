/// A string of bytes without NUL: a device's name, its uuid, a word of a table line.
///
/// The kernel compares these byte by byte. Swift's `String` compares by canonical equivalence and
/// would take two different names for one; its `Character` may hide a byte behind another.
package struct ByteString: Hashable, Comparable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ string: String) { bytes = Array(string.utf8) }

    package static let empty = ByteString([UInt8]())

    package var isEmpty: Bool { bytes.isEmpty }
    package var count: Int { bytes.count }

    /// For messages only: see `Printable`.
    package var string: String { Printable.text(bytes) }

    /// For system calls, which want the bytes as they are and a NUL behind.
    package func withCString<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
        return try terminated.withUnsafeBufferPointer { (buffer) throws(Failure) in
            guard let base = buffer.baseAddress else { preconditionFailure("an array of nothing") }
            return try body(base)
        }
    }

    /// What stands behind the last slash.
    package var lastComponent: ByteString {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return self }
        return ByteString(bytes[(slash + 1)...])
    }

    /// Bytewise, as the two that follow.
    package func hasPrefix(_ prefix: ByteString) -> Bool { bytes.starts(with: prefix.bytes) }

    /// Whether it ends with these bytes.
    package func hasSuffix(_ suffix: ByteString) -> Bool {
        bytes.suffix(suffix.count).elementsEqual(suffix.bytes)
    }

    /// Whether these bytes are somewhere in it.
    package func contains(_ part: ByteString) -> Bool {
        guard count >= part.count else { return false }
        return (0...(count - part.count)).contains { bytes[$0...].starts(with: part.bytes) }
    }

    /// With ASCII's capital letters made small, as `strcasecmp(3)` compares in the C locale. (Swift's
    /// `lowercased()` makes the Kelvin sign a `k`.)
    package var lowercased: ByteString {
        ByteString(bytes.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
    }

    package static func < (left: ByteString, right: ByteString) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    package static func + (left: ByteString, right: ByteString) -> ByteString {
        ByteString(left.bytes + right.bytes)
    }
}

/// "\(path) 0" keeps the bytes of `path`, whatever they are.
extension ByteString: ExpressibleByStringInterpolation {
    /// The bytes so far.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity)
        }

        package mutating func appendLiteral(_ literal: String) { bytes += literal.utf8 }
        package mutating func appendInterpolation(_ string: ByteString) { bytes += string.bytes }
        package mutating func appendInterpolation(_ value: some LosslessStringConvertible) {
            bytes += value.description.utf8
        }
        package mutating func appendInterpolation(_ number: DeviceNumber) {
            bytes += number.description.utf8
        }
    }

    package init(stringLiteral string: String) { bytes = Array(string.utf8) }
    package init(stringInterpolation interpolation: StringInterpolation) {
        bytes = interpolation.bytes
    }
}

extension Sequence<ByteString> {
    /// All of them, with `separator` between each two.
    package func joined(separator: ByteString) -> ByteString {
        ByteString(map(\.bytes).joined(separator: separator.bytes))
    }
}

/// In a message: see `Printable`.
extension ByteString: CustomStringConvertible {
    package var description: String { string }
}
