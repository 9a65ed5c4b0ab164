import CFuse
import DeviceMapper

/// A worker's buffers to receive requests in. The bytes of a write stay where they were received, so
/// a buffer that a write still needs is left to it, which gives it back to the pool in the end, and
/// another one is taken from there.
struct ReceiveBuffers {
    private static let alignment = 4096
    private var current: Payload
    /// For when no memory is left: a write that came in it is refused, as it couldn't be left to that.
    private let reserve: Payload

    /// Nil: no memory.
    init?() {
        guard let first = ReceiveBuffers.make(), let reserve = ReceiveBuffers.make() else {
            return nil
        }
        current = first
        self.reserve = reserve
    }

    /// The buffer to receive the next request in, and whether it may be left to a write. It stays at
    /// least until the next call, and isn't counted, so that this can see who else needs it.
    mutating func next() -> (buffer: Unmanaged<Payload>, isLasting: Bool) {
        if isKnownUniquelyReferenced(&current) { return (.passUnretained(current), true) }
        guard let fresh = ReceiveBuffers.make() else {
            return (.passUnretained(reserve), false)
        }
        current = fresh
        return (.passUnretained(current), true)
    }

    /// Where in a buffer a request is to begin: so that the bytes of a write are aligned.
    static let requestOffset = alignment - Int(CFUSE_WRITE_OFFSET)

    private static func make() -> Payload? {
        Payload(pooled: alignment + Int(CFUSE_RECEIVE_SIZE))
    }
}
