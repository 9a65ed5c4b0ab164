import Glibc

/// How the bytes of a part lie in the request that it is a part of: in one stretch, or in several, as
/// the chunks of one stripe lie between those of the others.
struct Stretches {
    /// Bytes up to the end of the first, which may begin within its chunk.
    let first: Int
    /// Bytes of those that follow, and from the end of one to the begin of the next. The last may
    /// be cut short.
    let chunk: Int
    let gap: Int

    static let one = Stretches(first: .max, chunk: .max, gap: 0)
    var isOne: Bool { first == .max }

    /// The most that a part may have: their vectors go on the stack.
    static let maximum = 64

    func count(in length: Int) -> Int {
        length <= first ? 1 : 1 + (length - first + chunk - 1) / chunk
    }

    /// `body` gets each stretch of a part of `length` bytes: where it begins, counted from the begin
    /// of the first; how many bytes of the part are before it; and how many it has.
    @inline(__always)
    func forEach(in length: Int, _ body: (_ place: Int, _ before: Int, _ count: Int) -> Void) {
        var place = 0
        var before = 0
        var next = first
        while before < length {
            let count = min(next, length - before)
            body(place, before, count)
            before += count
            guard before < length else { return }
            place += count + gap
            next = chunk
        }
    }

    /// The stretches of a part whose first begins at `start`, for preadv(2) and pwritev(2).
    func withVectors<Result>(
        of length: Int, from start: UnsafeMutableRawPointer,
        _ body: (UnsafeBufferPointer<iovec>) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Stretches.maximum) { vectors in
            var used = 0
            forEach(in: length) { place, _, count in
                vectors.initializeElement(
                    at: used, to: iovec(iov_base: start + place, iov_len: count))
                used += 1
            }
            return body(UnsafeBufferPointer(rebasing: vectors[..<used]))
        }
    }
}
