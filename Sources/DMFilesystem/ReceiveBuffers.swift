import CFuse
import DeviceMapper
import Glibc

/// A worker's buffers to receive requests in. The bytes of a write stay where they were received, so
/// a buffer that a write still needs is left to it, and another one used.
struct ReceiveBuffers {
    /// Writes that other threads still work on, beyond which buffers are made and dropped again.
    private static let count = 4
    private static let alignment = 4096
    private var payloads: [Payload] = []
    private var current = 0

    /// The buffer to receive the next request in. Nil: no memory.
    mutating func next() -> Payload? {
        for step in 0..<payloads.count {
            let index = (current + step) % payloads.count
            if isKnownUniquelyReferenced(&payloads[index]) {
                current = index
                return payloads[index]
            }
        }
        guard let fresh = ReceiveBuffers.make() else { return nil }
        if payloads.count < ReceiveBuffers.count {
            current = payloads.count
            payloads.append(fresh)
        } else {
            current = (current + 1) % payloads.count
            payloads[current] = fresh
        }
        return fresh
    }

    /// Where in a buffer a request is to begin: so that the bytes of a write are aligned.
    static let requestOffset = alignment - Int(CFUSE_WRITE_OFFSET)

    private static func make() -> Payload? {
        var memory: UnsafeMutableRawPointer?
        let capacity = alignment + Int(CFUSE_RECEIVE_SIZE)
        guard posix_memalign(&memory, alignment, capacity) == 0, let memory else { return nil }
        return Payload(adopting: memory, capacity: capacity)
    }
}
