import CFuse
import DeviceMapper
import Glibc

/// A worker's buffers to receive requests in. The bytes of a write stay where they were received, so
/// a buffer that a write still needs is left to it, and another one used.
struct ReceiveBuffers {
    /// Writes that other threads still work on, beyond which buffers are made and dropped again.
    private static let count = 4
    private static let alignment = 4096
    private var payloads: [Payload]
    private var current = 0
    /// For when no memory is left: a write that came in it is refused, as it couldn't be left to that.
    private let reserve: Payload

    /// Nil: no memory.
    init?() {
        guard let first = ReceiveBuffers.make(), let reserve = ReceiveBuffers.make() else {
            return nil
        }
        payloads = [first]
        self.reserve = reserve
    }

    /// The buffer to receive the next request in, and whether it may be left to a write. It stays at
    /// least until the next call, and isn't counted, so that this can see who else needs it.
    mutating func next() -> (buffer: Unmanaged<Payload>, isLasting: Bool) {
        for step in 0..<payloads.count {
            let index = (current + step) % payloads.count
            if isKnownUniquelyReferenced(&payloads[index]) {
                current = index
                return (.passUnretained(payloads[index]), true)
            }
        }
        guard let fresh = ReceiveBuffers.make() else {
            return (.passUnretained(reserve), false)
        }
        if payloads.count < ReceiveBuffers.count {
            current = payloads.count
            payloads.append(fresh)
        } else {
            current = (current + 1) % payloads.count
            payloads[current] = fresh
        }
        return (.passUnretained(payloads[current]), true)
    }

    /// Where in a buffer a request is to begin: so that the bytes of a write are aligned.
    static let requestOffset = alignment - Int(CFUSE_WRITE_OFFSET)

    private static func make() -> Payload? {
        var memory: UnsafeMutableRawPointer?
        let capacity = alignment + Int(CFUSE_RECEIVE_SIZE)
        guard MemoryReserve.allows(capacity),
            posix_memalign(&memory, alignment, capacity) == 0, let memory
        else { return nil }
        return Payload(adopting: memory, capacity: capacity)
    }
}
