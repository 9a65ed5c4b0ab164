import DeviceMapper

/// Draws the tree, cut at the width of the terminal unless told otherwise.
struct TreeDrawing {
    /// Nodes deeper than this aren't drawn.
    private static let depthLimit = 98

    private struct Symbols {
        let empty = "  "
        let branch: String
        let vertical: String
        let last: String
        let single: String
        let first: String

        init(_ kind: TreeOptions.Symbols) {
            switch kind {
            case .ascii:
                (branch, vertical, last, single, first) = ("|-", "| ", "`-", "---", "-+-")
            case .utf:
                (branch, vertical, last) = ("\u{251c}\u{2500}", "\u{2502} ", "\u{2514}\u{2500}")
                (single, first) = ("\u{2500}\u{2500}\u{2500}", "\u{2500}\u{252c}\u{2500}")
            case .vt100:
                func graphic(_ letters: String) -> String { "\u{1b}(0\u{0f}\(letters)\u{1b}(B" }
                (branch, vertical, last) = (graphic("tq"), graphic("x") + " ", graphic("mq"))
                (single, first) = (graphic("qqq"), graphic("qwq"))
            }
        }
    }

    private let options: TreeOptions
    private let names: BlockDeviceNames
    private let symbols: Symbols
    private var line: TreeLine
    /// For each depth: bytes taken by its node in compact form, and whether more nodes follow.
    private var widths = Array(repeating: 0, count: depthLimit + 2)
    private var more = Array(repeating: false, count: depthLimit + 2)

    /// `width`: columns of the terminal to draw in.
    init(_ options: TreeOptions, names: BlockDeviceNames, width: Int) {
        self.options = options
        self.names = names
        symbols = Symbols(options.symbols)
        line = TreeLine(width: options.isTruncated ? width : nil)
    }

    mutating func draw(_ tree: DependencyTree) -> [UInt8] {
        walk(options.isInverted ? tree.bottomLevel : tree.topLevel, depth: 0)
        return line.text
    }

    private func below(_ node: DependencyTree.Node) -> [DependencyTree.Node] {
        options.isInverted ? node.parents : node.children
    }

    private mutating func walk(_ nodes: [DependencyTree.Node], depth: Int) {
        guard depth <= Self.depthLimit else { return }
        for (index, node) in nodes.enumerated() {
            let children = below(node)
            draw(node, depth, isLast: index == nodes.count - 1, hasChildren: !children.isEmpty)
            walk(children, depth: depth + 1)
        }
    }

    private mutating func draw(
        _ node: DependencyTree.Node, _ depth: Int, isLast: Bool, hasChildren: Bool
    ) {
        if node.name.isEmpty, !options.showsNumber, !options.showsKernelName { return }
        more[depth] = !isLast
        widths[depth] = 0
        let startsLine = line.isAtStart
        if !options.isDrawnCompact || startsLine { drawPrefix(depth) }
        let offset = line.position
        if options.isDrawnCompact, !startsLine {
            line.add(more[depth] ? symbols.first : symbols.single)
        }
        line.add(node.name.bytes)
        // dmsetup puts the blank there for a node without a name, too.
        if options.showsKernelName, let name = kernelName(node) {
            line.add(" <")
            line.add(name.bytes)
            line.add(">")
        }
        if options.showsNumber { line.add(" (\(node.number))") }
        drawAttributes(node)
        if options.isDrawnCompact { widths[depth] = line.position - offset }
        if !options.isDrawnCompact || !hasChildren { line.end() }
    }

    /// A device that never had a table has no disk.
    private func kernelName(_ node: DependencyTree.Node) -> ByteString? {
        if let status = node.status, !status.hasAnyTable { return nil }
        return names.kernelName(of: node.number)
    }

    private mutating func drawPrefix(_ depth: Int) {
        for level in 0..<depth {
            line.add(String(repeating: " ", count: widths[level] + 1))
            if level == depth - 1 {
                line.add(more[depth] ? symbols.branch : symbols.last)
            } else {
                line.add(more[level + 1] ? symbols.vertical : symbols.empty)
            }
        }
    }

    private mutating func drawAttributes(_ node: DependencyTree.Node) {
        guard options.showsAttributes, let status = node.status else { return }
        var words: [[UInt8]] = []
        if options.showsState {
            words.append(Array((status.isSuspended ? "SUSPENDED" : "ACTIVE").utf8))
        }
        if options.showsMode { words.append(Array((status.isReadOnly ? "RO" : "RW").utf8)) }
        if options.showsOpenCount { words.append(Array(String(status.openCount).utf8)) }
        if options.showsUUID { words.append(node.uuid.bytes) }
        line.add(" [")
        line.add(Array(words.joined(separator: Array(", ".utf8))))
        line.add("]")
    }
}

/// The text drawn so far, and where on its last line it ends.
private struct TreeLine {
    private(set) var text: [UInt8] = []
    /// The column of the next character, from 1.
    private(set) var position = 1
    private let width: Int?
    /// A character at the very edge, which is drawn only if the line ends with it.
    private var held: UInt8?

    init(width: Int?) { self.width = width }

    var isAtStart: Bool { position == 1 }

    mutating func add(_ string: String) { add(Array(string.utf8)) }

    /// As dmsetup does it: a character beyond the edge is dropped, and "..." shows that.
    mutating func add(_ bytes: [UInt8]) {
        for byte in bytes {
            let startsCharacter = byte & 0xc0 != 0x80
            if startsCharacter { position += 1 }
            guard let width else {
                text.append(byte)
                continue
            }
            if position <= width { text.append(byte) }
            guard position == width + 1, startsCharacter else { continue }
            if held != nil || byte & 0x80 != 0 {
                text += Array("...".utf8)
            } else {
                held = byte
                position -= 1
            }
        }
    }

    mutating func end() {
        if let held, position == width { text.append(held) }
        held = nil
        text.append(UInt8(ascii: "\n"))
        position = 1
    }
}
