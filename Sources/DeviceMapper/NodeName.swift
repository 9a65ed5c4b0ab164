/// Device names as the names of nodes in the mapper directory: libdevmapper's hex mangling.
package enum NodeName {
    /// Bytes that stand for themselves: 0-9, A-Z, a-z and "#+-.:=@_". Others become \xNN.
    package static func node(ofName name: ByteString) -> ByteString {
        guard !name.bytes.allSatisfy(isPlain) else { return name }
        var node: [UInt8] = []
        for byte in name.bytes {
            if isPlain(byte) {
                node.append(byte)
            } else {
                node += [UInt8(ascii: "\\"), UInt8(ascii: "x"), hex(byte >> 4), hex(byte & 15)]
            }
        }
        return ByteString(node)
    }

    /// Whether libdevmapper takes a name for one that is mangled already, or needs no mangling: its
    /// bytes stand for themselves, or are \xNN.
    package static func isNode(_ name: ByteString) -> Bool {
        var rest = name.bytes[...]
        while let byte = rest.popFirst() {
            if isPlain(byte) { continue }
            guard isEscape(byte, rest) else { return false }
            rest = rest.dropFirst(3)
        }
        return true
    }

    /// A backslash and what is behind it are \xNN.
    private static func isEscape(_ byte: UInt8, _ rest: ArraySlice<UInt8>) -> Bool {
        byte == UInt8(ascii: "\\") && rest.count >= 3 && rest.first == UInt8(ascii: "x")
            && value(rest[rest.startIndex + 1]) != nil && value(rest[rest.startIndex + 2]) != nil
    }

    /// The inverse. What is no \xNN stays as it is.
    package static func name(ofNode node: ByteString) -> ByteString {
        guard node.bytes.contains(UInt8(ascii: "\\")) else { return node }
        var name: [UInt8] = []
        var rest = node.bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3, rest.first == UInt8(ascii: "x"),
                let high = value(rest[rest.startIndex + 1]),
                let low = value(rest[rest.startIndex + 2])
            {
                name.append(high << 4 | low)
                rest = rest.dropFirst(3)
            } else {
                name.append(byte)
            }
        }
        return ByteString(name)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "#+-.:=@_".utf8.contains(byte)
        }
    }

    private static func hex(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 97...102: digit - 87
        case 65...70: digit - 55
        default: nil
        }
    }
}
