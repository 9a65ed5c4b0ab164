/// A string of bytes without NUL: a device's name, its uuid, a word of a table line.
///
/// The kernel compares these byte by byte. Swift's `String` compares by canonical equivalence and
/// would take two different names for one.
package struct ByteString: Hashable, Comparable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ string: String) { bytes = Array(string.utf8) }

    package static let empty = ByteString([UInt8]())

    package var isEmpty: Bool { bytes.isEmpty }
    package var count: Int { bytes.count }

    /// For messages only: bytes that are not UTF-8 become replacement characters.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

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

    package func hasPrefix(_ prefix: ByteString) -> Bool { bytes.starts(with: prefix.bytes) }

    package static func < (left: ByteString, right: ByteString) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// What stands behind the last slash.
    package var lastComponent: ByteString {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return self }
        return ByteString(bytes[(slash + 1)...])
    }
}
