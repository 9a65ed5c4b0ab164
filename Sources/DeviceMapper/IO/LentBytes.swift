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
        let start: UnsafeRawPointer
        let length: Int
        /// Where in the request's bytes it is.
        let position: Int
        /// What was lent ends with this piece.
        let lent: LentBytes?
    }

    /// The most pieces of a request: 1 MiB in chunks of 32 KiB, less one, so that their vectors go
    /// on the stack.
    static let maximum = 31
    private let capacity: Int
    private let pieces: UnsafeMutablePointer<Piece>
    /// Places given out.
    private let taken = Atomic<Int>(0)

    init(capacity: Int) {
        self.capacity = capacity
        pieces = .allocate(capacity: capacity)
    }

    deinit {
        precondition(isEmpty, "lent bytes were not given back")
        pieces.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    private var count: Int { taken.load(ordering: .acquiring) }

    /// Bytes that go into the request's from `position` on, a piece for each stretch. False: there are
    /// not so many places left.
    func add(_ bytes: LentBytes, at position: Int, _ stretches: Stretches) -> Bool {
        let needed = stretches.count(in: bytes.length)
        guard var index = reserve(needed) else { return false }
        stretches.forEach(in: bytes.length) { place, before, count in
            let isLast = before + count == bytes.length
            (pieces + index).initialize(
                to: Piece(
                    start: bytes.start + before, length: count, position: position + place,
                    lent: isLast ? bytes : nil))
            index += 1
        }
        return true
    }

    /// The first of so many places, all or none.
    private func reserve(_ needed: Int) -> Int? {
        var index = taken.load(ordering: .relaxed)
        while needed <= capacity - index {
            let (isOurs, standing) = taken.compareExchange(
                expected: index, desired: index + needed, ordering: .acquiringAndReleasing)
            if isOurs { return index }
            index = standing
        }
        return nil
    }

    /// Once all parts have added theirs.
    func giveBack() {
        for index in 0..<count { pieces[index].lent?.giveBack() }
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
                append(UnsafeMutableRawPointer(mutating: piece.start), piece.length)
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
