import CFuse
import DeviceMapper
import Glibc
import SystemPackage

/// An open text of `BlockTree`: what it said when it was read from its beginning, so that whoever reads
/// on reads the rest of that. Kept until it was read to its end.
final class TextFile: @unchecked Sendable {
    // @unchecked: `text` and `end` are guarded by `lock`.
    let node: NodeNumber
    private let memory: KeptMemory
    /// Leaf.
    private let lock = Lock(rank: .leaf, name: "TextFile.lock")
    /// Its bytes were taken of `memory`.
    private var text: ByteString?
    /// Where the text ended that was read to its end last.
    private var end: Int?

    /// In the numbers of open texts, which no open device has.
    static let mark: UInt64 = 1 << 63

    enum Answer {
        case bytes(ArraySlice<UInt8>)
        /// The device.
        case isGone
        /// There is no room to keep the rest.
        case noMemory
    }

    init(_ node: NodeNumber, _ memory: KeptMemory) {
        self.node = node
        self.memory = memory
    }

    deinit { memory.give(text?.count ?? 0) }

    /// The bytes from a position on, at most `size`. `make`: called with no lock held.
    func read(from offset: Int, size: Int, _ make: () -> ByteString?) -> Answer {
        guard offset >= 0 else { return .bytes([]) }
        let known = offset == 0 ? (nil, nil) : lock.withLock { (text, end) }
        if known.0 == nil, let end = known.1, offset >= end { return .bytes([]) }
        guard let whole = known.0 ?? make() else {
            keep(nil, end: nil)
            return .isGone
        }
        let bytes = whole.bytes
        let start = min(offset, bytes.count)
        let part = bytes[start..<min(bytes.count, start + min(size, bytes.count))]
        if part.endIndex == bytes.count {
            keep(nil, end: bytes.count)
        } else if known.0 == nil {
            guard memory.take(bytes.count) else {
                keep(nil, end: nil)
                return .noMemory
            }
            keep(whole, end: nil)
        }
        return .bytes(part)
    }

    private func keep(_ text: ByteString?, end: Int?) {
        let given = lock.withLock { () -> Int in
            defer {
                self.text = text
                self.end = end
            }
            return self.text?.count ?? 0
        }
        memory.give(given)
    }
}

/// What the operations on files do with texts. All are answered at once.
extension Session {
    func text(_ number: UInt64) -> TextFile? {
        number & TextFile.mark == 0 ? nil : texts.file(number & ~TextFile.mark)
    }

    /// ESTALE: its device is gone; the kernel then looks the path up again. EACCES: to be written, and
    /// it can't be, whoever asks: as in sysfs.
    func openText(
        _ node: NodeNumber, _ file: UnsafeMutablePointer<fuse_file_info>?,
        _ reply: consuming Reply
    ) {
        guard let file, tree.block.isText(node) else { return reply.error(.invalidArgument) }
        guard tree.attributes(of: node) != nil else { return reply.error(.staleNFSFileHandle) }
        guard file.pointee.flags & O_ACCMODE == O_RDONLY || tree.block.isWritable(node) else {
            return reply.error(.permissionDenied)
        }
        let number = texts.insert(TextFile(node, listings)) | TextFile.mark
        // Past the page cache: nothing is kept that would be out of date.
        if !reply.opened(number, isDirect: true, keepsCache: false) { closeText(number) }
    }

    func closeText(_ number: UInt64) {
        if number & TextFile.mark != 0 { _ = texts.remove(number & ~TextFile.mark) }
    }

    /// ENODEV: its device is gone. ENOMEM: too much is kept of open texts.
    func readText(_ text: TextFile, _ size: Int, _ offset: off_t, _ reply: consuming Reply) {
        switch text.read(from: Int(offset), size: size, { tree.block.text(of: text.node) }) {
        case .isGone: reply.error(.operationNotSupportedByDevice)
        case .noMemory: reply.error(.noMemory)
        case .bytes(let bytes) where bytes.isEmpty: reply.noData()
        case .bytes(let bytes):
            let request = reply.postpone()
            bytes.withUnsafeBytes { Reply(request).data($0) }
        }
    }

    /// The read-ahead, in KiB. EINVAL: no number. EACCES: the daemon may not set it.
    func writeText(
        _ text: TextFile, _ bytes: UnsafePointer<CChar>?, _ size: Int, _ reply: consuming Reply
    ) {
        guard let bytes, tree.block.isWritable(text.node) else {
            return reply.error(.badFileDescriptor)
        }
        let given = Array(
            UnsafeRawBufferPointer(start: bytes, count: size).prefix { $0 != UInt8(ascii: "\n") })
        guard let kilobytes: UInt32 = Digits.number(given) else {
            return reply.error(.invalidArgument)
        }
        guard tree.block.setReadAhead(kilobytes) else { return reply.error(.permissionDenied) }
        reply.written(size)
    }
}
