/// One line of a table as a client sent it, or of one as a client reads it: nothing of it has been
/// looked at.
package struct TableLine: Hashable, Sendable {
    /// In sectors.
    package var start: UInt64
    /// In sectors.
    package var length: UInt64
    package var targetType: ByteString
    package var parameters: ByteString

    package init(
        start: UInt64, length: UInt64, targetType: ByteString, parameters: ByteString
    ) {
        self.start = start
        self.length = length
        self.targetType = targetType
        self.parameters = parameters
    }

    /// The words of `parameters` (`dm_split_args`): separated by white space; a backslash takes the
    /// next byte as it is; a backslash at the very end stays.
    package func words() -> [ByteString] {
        var words: [ByteString] = []
        var word: [UInt8] = []
        var inWord = false
        var rest = parameters.bytes[...]
        while let byte = rest.popFirst() {
            if !inWord && TargetNumber.isSpace(byte) { continue }
            if inWord && TargetNumber.isSpace(byte) {
                words.append(ByteString(word))
                word.removeAll(keepingCapacity: true)
                inWord = false
                continue
            }
            inWord = true
            if byte == UInt8(ascii: "\\"), let quoted = rest.popFirst() {
                word.append(quoted)
            } else {
                word.append(byte)
            }
        }
        if inWord { words.append(ByteString(word)) }
        return words
    }
}

/// One line of a table as it stands: what `dmsetup table` and `status` print.
package struct StatusLine: Hashable, Sendable {
    /// In sectors.
    package var start: UInt64
    /// In sectors.
    package var length: UInt64
    package var targetType: String
    package var text: ByteString

    package init(start: UInt64, length: UInt64, targetType: String, text: ByteString) {
        self.start = start
        self.length = length
        self.targetType = targetType
        self.text = text
    }
}
