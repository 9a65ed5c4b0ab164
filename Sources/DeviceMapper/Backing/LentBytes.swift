import Glibc
import Synchronization

/// Bytes of a mapped file that a read gives to its client where they are.
package struct LentBytes {
    let start: UnsafeRawPointer
    let length: Int
    let window: Unmanaged<FileWindow>

    /// Ends the use. The bytes may be unmapped from here on.
    func giveBack() { window._withUnsafeGuaranteedRef { $0.release() } }
}

/// The lent bytes of one request, in pieces. Parts of the request add theirs from their threads.
struct LentPieces: ~Copyable {
    private struct Piece {
        let bytes: LentBytes
        /// Where in the request's bytes it is.
        let position: Int
    }

    /// The most pieces of a request: 1 MiB in chunks of 32 KiB, less one, so that their vectors go
    /// on the stack.
    static let maximum = 31
    private let capacity: Int
    private let pieces: UnsafeMutablePointer<Piece>
    /// Places given out, which may be more than there are.
    private let taken = Atomic<Int>(0)

    init(capacity: Int) {
        self.capacity = capacity
        pieces = .allocate(capacity: capacity)
    }

    deinit {
        precondition(isEmpty, "lent bytes were not given back")
        pieces.deallocate()
    }

    var isEmpty: Bool { taken.load(ordering: .acquiring) == 0 }

    private var count: Int { min(taken.load(ordering: .acquiring), capacity) }

    /// False: there is no place left.
    func add(_ bytes: LentBytes, at position: Int) -> Bool {
        let index = taken.add(1, ordering: .acquiringAndReleasing).oldValue
        guard index < capacity else { return false }
        (pieces + index).initialize(to: Piece(bytes: bytes, position: position))
        return true
    }

    /// Once all parts have added theirs.
    func giveBack() {
        for index in 0..<count { pieces[index].bytes.giveBack() }
        taken.store(0, ordering: .releasing)
    }

    /// All `length` bytes of the request in order: the pieces, and between them what is in
    /// `buffer`.
    func withVectors<Result>(
        _ length: Int, buffer: UnsafeMutableRawPointer?,
        _ body: (UnsafeBufferPointer<iovec>) -> Result
    ) -> Result {
        sort()
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2 * LentPieces.maximum + 1) {
            vectors in
            var used = 0
            var done = 0
            func append(_ start: UnsafeMutableRawPointer?, _ length: Int) {
                vectors.initializeElement(at: used, to: iovec(iov_base: start, iov_len: length))
                used += 1
                done += length
            }
            func fill(until position: Int) {
                guard position > done else { return }
                guard let buffer else { preconditionFailure("a read without all of its bytes") }
                append(buffer + done, position - done)
            }
            for index in 0..<count {
                let piece = pieces[index]
                fill(until: piece.position)
                append(UnsafeMutableRawPointer(mutating: piece.bytes.start), piece.bytes.length)
            }
            fill(until: length)
            return body(UnsafeBufferPointer(rebasing: vectors[..<used]))
        }
    }

    /// By position. They are few, and mostly in order.
    private func sort() {
        for index in 1..<max(count, 1) {
            var place = index
            while place > 0, pieces[place].position < pieces[place - 1].position {
                swap(&pieces[place], &pieces[place - 1])
                place -= 1
            }
        }
    }
}
