import CFuse
import Glibc
import Testing

/// What is made of the version that the kernel says it has.
@Suite(.serialized) struct NegotiationTests {
    nonisolated(unsafe) private static var waits: Bool?

    /// Whether opens wait for direct writes, by a request of a kernel with such a minor version.
    private func opensWait(minor: UInt64) throws -> Bool? {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: Int(CFUSE_RECEIVE_SIZE), alignment: 4096)
        defer { memory.deallocate() }
        var operations = fuse_lowlevel_ops()
        operations.open = { request, _, _ in
            NegotiationTests.waits = cfuse_opens_wait(request)
            fuse_reply_err(request, EIO)
        }
        let session = try #require(cfuse_session_new(&operations, nil, ends[1]))
        defer { cfuse_session_free(session) }
        NegotiationTests.waits = nil
        let requests: [(operation: UInt64, body: [UInt64])] = [
            (26, [7 | minor << 32, 0]),  // FUSE_INIT
            (14, [0]),  // FUSE_OPEN
        ]
        for (index, request) in requests.enumerated() {
            let size = UInt64(40 + 8 * request.body.count)
            let number = UInt64(2 * index + 2)
            let words = [size | request.operation << 32, number, 1, 0, 0] + request.body
            try #require(words.withUnsafeBytes { write(ends[0], $0.baseAddress, $0.count) } == size)
            let received = cfuse_session_receive(session, memory)
            try #require(received == size)
            cfuse_session_process(session, memory, received, nil)
        }
        return NegotiationTests.waits
    }

    @Test("opens wait for direct writes from Linux 6.9 on, which has 7.40")
    func opens() throws {
        #expect(try opensWait(minor: 31) == false)
        #expect(try opensWait(minor: 39) == false)
        #expect(try opensWait(minor: 40) == true)
        #expect(try opensWait(minor: 45) == true)
    }
}
