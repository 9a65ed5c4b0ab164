import DeviceMapper
import Glibc

/// What `ls --tree -o` asks for.
struct TreeOptions {
    enum Symbols { case ascii, utf, vt100 }

    var showsNumber = true
    var showsKernelName = false
    var showsState = false
    var showsMode = false
    var showsOpenCount = false
    var showsUUID = false
    var isCompact = false
    var isInverted = false
    var isTruncated = true
    var symbols: Symbols

    /// `words` are separated by commas and may be cut, down to nothing.
    init(_ words: ByteString, symbols: Symbols) throws(Refusal) {
        self.symbols = symbols
        let comma = UInt8(ascii: ",")
        var rest = words.bytes[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0 != comma }
            guard let change = Self.changes.first(where: { $0.name.utf8.starts(with: word) }) else {
                throw Refusal(
                    "Tree options not recognised: \(Printable.text(rest)).")
            }
            change.apply(&self)
            rest = rest[word.endIndex...].dropFirst()
        }
    }

    /// In the order in which dmsetup tries them, which decides what a cut word means.
    private static var changes: [(name: String, apply: (_ options: inout TreeOptions) -> Void)] {
        [
            ("device", { $0.showsNumber = true }),
            ("blkdevname", { $0.showsKernelName = true }),
            ("nodevice", { $0.showsNumber = false }),
            ("status", { _ in }),
            ("table", { _ in }),
            ("active", { $0.showsState = true }),
            ("open", { $0.showsOpenCount = true }),
            ("uuid", { $0.showsUUID = true }),
            ("rw", { $0.showsMode = true }),
            ("utf", { $0.symbols = .utf }),
            ("vt100", { $0.symbols = .vt100 }),
            ("ascii", { $0.symbols = .ascii }),
            ("inverted", { $0.isInverted = true }),
            ("compact", { $0.isCompact = true }),
            ("notrunc", { $0.isTruncated = false }),
        ]
    }

    var showsAttributes: Bool { showsState || showsMode || showsOpenCount || showsUUID }

    /// One line for as many nodes as possible; attributes need lines of their own.
    var isDrawnCompact: Bool { isCompact && !showsAttributes }
}
