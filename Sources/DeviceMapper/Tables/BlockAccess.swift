import Glibc
import Synchronization
import SystemPackage

/// Turns requests of any bytes into requests of whole blocks, for a table with a target that takes nothing
/// less.
///
/// A read is widened to the blocks that its bytes lie in. A write that doesn't begin or end with a block reads
/// these blocks first, puts its bytes in and writes them whole; no other write to them is under way
/// meanwhile. A discard is narrowed to the blocks that lie in it. The table's last block may be short.
final class BlockAccess: RangeOrderOwner {
    /// In bytes: a power of two.
    private let size: UInt64
    /// Borrowed: the table has this.
    private let table: Unmanaged<Table>
    /// Of changes: one that reads first excludes the others, and these go side by side.
    let order = RangeOrder<BlockAccess>()

    init(size: UInt64, of table: Table) {
        self.size = size
        self.table = .passUnretained(table)
        order.begin(of: self)
    }

    /// A request that lies within the table and isn't empty; no flush.
    func submit(_ request: IORequest) {
        let isWhole = isWhole(request)
        switch request.operation {
        case .read:
            if isWhole { pass(request) } else { widen(request) }
        case .discard where !isWhole:
            narrow(request)
        case .writeZeroes where !isWhole && blocks(around: request).count > Int(size):
            split(request)
        case .write, .writeZeroes, .discard:
            order.submit(request, about: blocks(around: request), excludesOthers: !isWhole)
        case .flush: preconditionFailure("a flush has no blocks")
        }
    }

    func startInOrder(_ request: IORequest) {
        if isWhole(request) { return pass(request) }
        BlockWrite.begin(request, blocks(around: request), size, self)
    }

    func enterInOrder(_ request: IORequest) {}

    /// Sends whole blocks on.
    func pass(_ request: IORequest) {
        table._withUnsafeGuaranteedRef { $0.submitBlocks(request) }
    }

    private var end: UInt64 { table._withUnsafeGuaranteedRef { $0.size.bytes } }

    private func isWhole(_ request: IORequest) -> Bool {
        let bytes = request.bytesOfDevice
        return bytes.lowerBound % size == 0
            && (bytes.upperBound % size == 0 || bytes.upperBound == end)
    }

    private func blocks(around request: IORequest) -> Range<UInt64> {
        let bytes = request.bytesOfDevice
        let first = bytes.lowerBound / size * size
        return first..<min((bytes.upperBound + size - 1) / size * size, end)
    }

    /// The first and the last border of blocks in it; the other way round: there is none.
    private func borders(within request: IORequest) -> (first: UInt64, last: UInt64) {
        let bytes = request.bytesOfDevice
        return (
            (bytes.lowerBound + size - 1) / size * size,
            bytes.upperBound == end ? end : bytes.upperBound / size * size
        )
    }

    // MARK: Reads and ranges

    private func widen(_ request: IORequest) {
        request.sendPart {
            $0.becomePart(of: request, .read, of: blocks(around: request), with: nil)
            $0.watch(BlockReader.asWatcher, tag: 0)
            pass($0)
        }
    }

    private func narrow(_ request: IORequest) {
        let (first, last) = borders(within: request)
        guard first < last else { return request.finish(nil) }
        request.sendPart {
            $0.becomePart(of: request, .discard, of: first..<last, with: nil)
            submit($0)
        }
    }

    /// Into what is in the first block, whole blocks, and what is in the last one.
    private func split(_ request: IORequest) {
        let bytes = request.bytesOfDevice
        let (first, last) = borders(within: request)
        request.willSplit()
        for piece in [bytes.lowerBound..<first, first..<last, last..<bytes.upperBound]
        where !piece.isEmpty {
            let isSent = request.sendMore {
                $0.becomePart(of: request, .writeZeroes, of: piece, with: nil)
                submit($0)
            }
            if !isSent { request.report(.noMemory) }
        }
        request.endOfParts()
    }
}

/// Hands the bytes of a widened read to the request that asked for some of them.
private final class BlockReader: EndWatcher, @unchecked Sendable {
    // @unchecked: it has no state.
    private static let shared = BlockReader()
    static var asWatcher: Unmanaged<EndWatcher> { .passUnretained(shared) }

    override func endIO(_ part: IORequest, tag: Int, _ error: Errno?) -> Ending {
        if let error { return .ended(error) }
        guard let whole = part.parent, let bytes = whole.bytesToFill(),
            let blocks = part.bytesToFill()
        else { return .ended(.noMemory) }
        let skipped = Int(whole.offset - part.offset)
        bytes.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: blocks[skipped..<skipped + bytes.count]))
        return .ended(nil)
    }
}

/// A write of some bytes of blocks: reads what stays of the first and the last of them, then writes all.
private final class BlockWrite: EndWatcher, @unchecked Sendable {
    // @unchecked: `readsLeft` and `hasFailed` are atomic; the rest is immutable.

    private let request: IORequest
    private let blocks: Range<UInt64>
    private let payload: Payload
    private let access: Unmanaged<BlockAccess>
    private let readsLeft: Atomic<Int>
    private let hasFailed = Atomic<Bool>(false)

    private init(
        _ request: IORequest, _ blocks: Range<UInt64>, _ payload: Payload, _ access: BlockAccess,
        reads: Int
    ) {
        self.request = request
        self.blocks = blocks
        self.payload = payload
        self.access = .passUnretained(access)
        readsLeft = Atomic(reads)
        super.init()
    }

    static func begin(
        _ request: IORequest, _ blocks: Range<UInt64>, _ size: UInt64, _ access: BlockAccess
    ) {
        let bytes = request.bytesOfDevice
        // Those of which something stays, each once.
        var edges: [Range<UInt64>] = []
        if bytes.lowerBound != blocks.lowerBound {
            edges.append(blocks.lowerBound..<min(blocks.lowerBound + size, blocks.upperBound))
        }
        let last = (blocks.upperBound - 1) / size * size
        if bytes.upperBound != blocks.upperBound, edges.first?.lowerBound != last {
            edges.append(last..<blocks.upperBound)
        }
        guard let payload = Payload(pooled: blocks.count) else { return request.finish(.noMemory) }
        let write = BlockWrite(request, blocks, payload, access, reads: edges.count)
        // Until the last read has ended.
        let asWatcher: Unmanaged<EndWatcher> = .passRetained(write)
        request.willSplit()
        for edge in edges {
            let isSent = request.sendMore {
                $0.becomePart(of: request, .read, of: edge, with: nil)
                $0.watch(asWatcher, tag: Int(edge.lowerBound - blocks.lowerBound))
                access.pass($0)
            }
            if !isSent {
                request.report(.noMemory)
                write.readEnded(.noMemory)
            }
        }
    }

    /// A block was read that goes to byte `tag` of the payload.
    override func endIO(_ part: IORequest, tag: Int, _ error: Errno?) -> Ending {
        var error = error
        if error == nil {
            if let block = part.bytesToFill(), let base = block.baseAddress {
                (payload.memory + tag).copyMemory(from: base, byteCount: block.count)
            } else {
                error = .noMemory
            }
        }
        if let error { request.report(error) }
        readEnded(error)
        return .ended(error)
    }

    private func readEnded(_ error: Errno?) {
        if error != nil { hasFailed.store(true, ordering: .relaxed) }
        let left = readsLeft.subtract(1, ordering: .acquiringAndReleasing).newValue
        guard left == 0 else { return }
        if !hasFailed.load(ordering: .relaxed) {
            // This thread has ended a read: it isn't here to do I/O.
            request.placement = .handOver
            if let error = write() { request.report(error) }
        }
        let request = request
        Unmanaged.passUnretained(self).release()
        request.endOfParts()
    }

    /// Sends all blocks on, with the request's bytes in them.
    private func write() -> Errno? {
        let place = payload.memory + Int(request.offset - blocks.lowerBound)
        if request.operation == .write {
            let error = request.withBytesToWrite { bytes in
                if let base = bytes.baseAddress {
                    place.copyMemory(from: base, byteCount: bytes.count)
                }
                return nil
            }
            if let error { return error }
        } else {
            place.initializeMemory(as: UInt8.self, repeating: 0, count: request.length)
        }
        let isSent = request.sendMore { part in
            part.becomePart(of: request, .write, of: blocks, with: payload)
            access._withUnsafeGuaranteedRef { $0.pass(part) }
        }
        return isSent ? nil : .noMemory
    }
}
