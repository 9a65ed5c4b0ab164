import CFuse
import DeviceMapper
import Glibc
import SystemPackage

/// An open text of `BlockTree`: what it said when it was read from its beginning, so that whoever reads
/// on reads the rest of that.
final class TextFile: @unchecked Sendable {
    // @unchecked: `text` is guarded by `lock`.
    let node: NodeNumber
    /// Leaf.
    private let lock = Lock(rank: .leaf, name: "TextFile.lock")
    private var text: ByteString?

    /// In the numbers of open texts, which no open device has.
    static let mark: UInt64 = 1 << 63

    init(_ node: NodeNumber) { self.node = node }

    /// The bytes from a position on, at most `size`; nil: the device is gone. `make`: called with no lock
    /// held.
    func read(
        from offset: Int, size: Int, _ make: () -> ByteString?
    ) -> ArraySlice<UInt8>? {
        var known = offset == 0 ? nil : lock.withLock { text }
        if known == nil {
            known = make()
            lock.withLock { text = known }
        }
        guard let bytes = known?.bytes else { return nil }
        guard offset >= 0, offset < bytes.count else { return [] }
        return bytes[offset..<min(bytes.count, offset + min(size, bytes.count))]
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
        let number = texts.insert(TextFile(node)) | TextFile.mark
        // Past the page cache: nothing is kept that would be out of date.
        if !reply.opened(number, isDirect: true, keepsCache: false) { closeText(number) }
    }

    func closeText(_ number: UInt64) {
        if number & TextFile.mark != 0 { _ = texts.remove(number & ~TextFile.mark) }
    }

    /// ENODEV: its device is gone.
    func readText(_ text: TextFile, _ size: Int, _ offset: off_t, _ reply: consuming Reply) {
        let bytes = text.read(from: Int(offset), size: size) { tree.block.text(of: text.node) }
        guard let bytes else { return reply.error(.operationNotSupportedByDevice) }
        guard !bytes.isEmpty else { return reply.noData() }
        let request = reply.postpone()
        bytes.withUnsafeBytes { Reply(request).data($0) }
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
