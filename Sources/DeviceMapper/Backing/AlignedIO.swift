import Glibc
import SystemPackage

/// I/O past the page cache of a block device, as device-mapper's is. The kernel writes back what others
/// have changed there, and drops what they have cached, of just these blocks.
///
/// It takes whole blocks from memory that is aligned to them. What isn't goes by a buffer; a write of a
/// part of a block then reads the block first, and no other write of this store comes in between.
struct AlignedIO {
    /// Bytes of a block, a power of two. 0: I/O goes through a page cache, and isn't aligned.
    let block: Int
    /// Writers of whole blocks share it; who writes a part of one has it alone. Held over I/O, so it is
    /// taken last: after what memory that takes.
    private let writers = RWLock(rank: .leaf, name: "AlignedIO.writers")

    init(block: Int) { self.block = block }

    /// Through a page cache.
    static let cached = AlignedIO(block: 0)

    private func isAligned(_ address: UnsafeRawPointer?, _ count: Int, _ offset: UInt64) -> Bool {
        guard block > 0 else { return true }
        let bits = UInt(bitPattern: address) | UInt(bitPattern: count)
        return (bits | UInt(truncatingIfNeeded: offset)) & UInt(block - 1) == 0
    }

    private func isAligned(_ stretches: UnsafeBufferPointer<iovec>, _ offset: UInt64) -> Bool {
        block == 0
            || stretches.allSatisfy { isAligned($0.iov_base, $0.iov_len, offset) }
    }

    func read(
        _ file: FileDescriptor, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) -> Errno? {
        guard !isAligned(bytes.baseAddress, bytes.count, offset) else {
            return BackingIO.read(file, into: bytes, at: offset)
        }
        return withBlocks(of: bytes.count, at: offset) { blocks, begin in
            if let error = BackingIO.read(file, into: blocks, at: begin) { return error }
            let first = Int(offset - begin)
            bytes.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: blocks[first..<first + bytes.count]))
            return nil
        }
    }

    func write(
        _ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) -> Errno? {
        guard block > 0 else { return BackingIO.write(file, bytes, at: offset) }
        guard !isAligned(bytes.baseAddress, bytes.count, offset) else {
            return writers.withReadLock { BackingIO.write(file, bytes, at: offset) }
        }
        return withBlocks(of: bytes.count, at: offset) { blocks, begin in
            let first = Int(offset - begin)
            let end = first + bytes.count
            guard first > 0 || end < blocks.count else {
                blocks.copyMemory(from: bytes)
                return writers.withReadLock {
                    BackingIO.write(file, UnsafeRawBufferPointer(blocks), at: begin)
                }
            }
            return writers.withWriteLock {
                change(file, blocks, at: begin, bytes, first)
            }
        }
    }

    /// Reads the blocks at both ends, puts `bytes` in at byte `first`, and writes them all.
    private func change(
        _ file: FileDescriptor, _ blocks: UnsafeMutableRawBufferPointer, at begin: UInt64,
        _ bytes: UnsafeRawBufferPointer, _ first: Int
    ) -> Errno? {
        let end = first + bytes.count
        let last = blocks.count - block
        if first > 0 || end < block {
            let head = UnsafeMutableRawBufferPointer(rebasing: blocks[..<block])
            if let error = BackingIO.read(file, into: head, at: begin) { return error }
        }
        if end < blocks.count, last > 0 {
            let tail = UnsafeMutableRawBufferPointer(rebasing: blocks[last...])
            if let error = BackingIO.read(file, into: tail, at: begin + UInt64(last)) {
                return error
            }
        }
        UnsafeMutableRawBufferPointer(rebasing: blocks[first..<end]).copyMemory(from: bytes)
        return BackingIO.write(file, UnsafeRawBufferPointer(blocks), at: begin)
    }

    func read(
        _ file: FileDescriptor, into stretches: UnsafeBufferPointer<iovec>, at offset: UInt64
    ) -> Errno? {
        guard !isAligned(stretches, offset) else {
            return BackingIO.read(file, into: stretches, at: offset)
        }
        return each(stretches, from: offset) { read(file, into: $0, at: $1) }
    }

    func write(
        _ file: FileDescriptor, _ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64
    ) -> Errno? {
        guard block > 0 else { return BackingIO.write(file, stretches, at: offset) }
        guard !isAligned(stretches, offset) else {
            return writers.withReadLock { BackingIO.write(file, stretches, at: offset) }
        }
        return each(stretches, from: offset) { write(file, UnsafeRawBufferPointer($0), at: $1) }
    }

    private func each(
        _ stretches: UnsafeBufferPointer<iovec>, from offset: UInt64,
        _ body: (UnsafeMutableRawBufferPointer, UInt64) -> Errno?
    ) -> Errno? {
        var offset = offset
        for stretch in stretches {
            let bytes = UnsafeMutableRawBufferPointer(
                start: stretch.iov_base, count: stretch.iov_len)
            if let error = body(bytes, offset) { return error }
            offset += UInt64(stretch.iov_len)
        }
        return nil
    }

    /// A buffer for the blocks that these bytes are in, and where the first one begins.
    private func withBlocks(
        of count: Int, at offset: UInt64,
        _ body: (UnsafeMutableRawBufferPointer, UInt64) -> Errno?
    ) -> Errno? {
        guard count > 0 else { return nil }
        let unit = UInt64(block)
        let begin = offset / unit * unit
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count) + unit - 1)
        guard !overflow, let size = Int(exactly: end / unit * unit - begin) else { return .ioError }
        guard let memory = BufferPool.shared.take(size) else { return .noMemory }
        defer { BufferPool.shared.give(memory, size) }
        return body(UnsafeMutableRawBufferPointer(start: memory, count: size), begin)
    }
}
