import CFuse
import DeviceMapper
import Glibc
import Synchronization
import SystemPackage

/// An open text of `BlockTree`: what it said when it was read from its beginning, so that whoever reads
/// on reads the rest of that. Kept until it was read to its end, or is let go, since too much is kept:
/// then who reads on reads the rest of what it says by then, as of a `seq_file`.
final class TextFile: Sendable {
    let node: NodeNumber
    private let memory: KeptMemory
    private let place = KeptMemory.Place()
    /// Where the text ended that was read to its end last. `Int.max`: a newer one was begun.
    private let end = Atomic<Int>(Int.max)

    /// In the numbers of open texts, which no open device has.
    static let mark: UInt64 = 1 << 63

    enum Answer {
        case bytes(ArraySlice<UInt8>)
        /// The device.
        case isGone
    }

    init(_ node: NodeNumber, _ memory: KeptMemory) {
        self.node = node
        self.memory = memory
    }

    deinit { memory.letGo(place) }

    /// The bytes from a position on, at most `size`. `make`: called with no lock held.
    func read(from offset: Int, size: Int, _ make: () -> ByteString?) -> Answer {
        guard offset >= 0 else { return .bytes([]) }
        if offset > 0, offset >= end.load(ordering: .relaxed) { return .bytes([]) }
        let known = offset == 0 ? nil : memory.kept(at: place, as: ByteString.self)
        guard let whole = known ?? make() else {
            memory.letGo(place)
            end.store(Int.max, ordering: .relaxed)
            return .isGone
        }
        let bytes = whole.bytes
        let start = min(offset, bytes.count)
        let part = bytes[start..<min(bytes.count, start + min(size, bytes.count))]
        if part.endIndex == bytes.count {
            memory.letGo(place)
            end.store(bytes.count, ordering: .relaxed)
        } else if known == nil {
            memory.keep(whole, bytes: bytes.count, at: place)
            end.store(Int.max, ordering: .relaxed)
        }
        return .bytes(part)
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

    /// ENODEV: its device is gone.
    func readText(_ text: TextFile, _ size: Int, _ offset: off_t, _ reply: consuming Reply) {
        switch text.read(from: Int(offset), size: size, { tree.block.text(of: text.node) }) {
        case .isGone: reply.error(.operationNotSupportedByDevice)
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
        if let error = tree.block.setReadAhead(kilobytes, of: text.node) {
            return reply.error(error)
        }
        reply.written(size)
    }
}
