import CFuse
import Glibc
import Testing

@testable import DMFilesystem

/// Which request an interruption is for. libfuse's objects are used again; the kernel's numbers aren't.
@Suite(.serialized) struct RequestNumberTests {
    /// What the operation and the interruption saw; for one test at a time.
    private final class Seen {
        var addresses: [UInt] = []
        var numbers: [UInt64] = []
        var interrupted: [UInt64] = []
        var waiting: fuse_req_t?
    }

    nonisolated(unsafe) private static var seen = Seen()

    /// A connection whose kernel is this test.
    private final class Connection {
        private let session: OpaquePointer
        private let memory: UnsafeMutableRawPointer
        private let kernel: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
            kernel = ends[0]
            memory = .allocate(byteCount: Int(CFUSE_RECEIVE_SIZE), alignment: 4096)
            var operations = fuse_lowlevel_ops()
            operations.read = { request, _, _, _, _ in
                let seen = RequestNumberTests.seen
                seen.addresses.append(UInt(bitPattern: request))
                seen.numbers.append(cfuse_current_number())
                seen.waiting = request
                fuse_req_interrupt_func(
                    request,
                    { _, _ in
                        RequestNumberTests.seen.interrupted.append(cfuse_current_number())
                    }, nil)
            }
            session = try #require(cfuse_session_new(&operations, nil, ends[1]))
            receive(26, 2, [7 | 31 << 32, 0])  // FUSE_INIT, 7.31
        }

        deinit {
            cfuse_session_free(session)
            memory.deallocate()
            close(kernel)
        }

        private func receive(_ operation: UInt32, _ number: UInt64, _ body: [UInt64]) {
            let size = 40 + 8 * body.count
            let words = [UInt64(size) | UInt64(operation) << 32, number, 1, 0, 0] + body
            words.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: memory, count: size).copyMemory(from: $0)
            }
            cfuse_session_process(session, memory, size, nil)
            // Else its socket fills up.
            var answer = [UInt8](repeating: 0, count: 256)
            while recv(kernel, &answer, answer.count, Int32(MSG_DONTWAIT)) > 0 {}
        }

        func read(_ number: UInt64) { receive(15, number, [0, 0, 4096, 0, 0]) }
        func interrupt(_ number: UInt64) { receive(36, number | 1, [number]) }
        func answer() {
            fuse_reply_err(seen.waiting, EIO)
            seen.waiting = nil
        }
    }

    @Test("each request has a token of its own, also where libfuse uses an object again")
    func tokens() throws {
        RequestNumberTests.seen = Seen()
        let seen = RequestNumberTests.seen
        let connection = try Connection()
        let wanted = (2...1001).map { UInt64($0) * 2 }
        for number in wanted {
            connection.read(number)
            connection.interrupt(number)
            connection.answer()
        }
        #expect(seen.numbers == wanted && seen.interrupted == wanted)
        #expect(Set(seen.numbers.map(RequestState.token)).count == wanted.count)
        #expect(Set(seen.addresses).count < wanted.count)
        #expect(cfuse_current_number() == 0)
    }

    @Test("an interruption that comes before its request is that request's")
    func early() throws {
        RequestNumberTests.seen = Seen()
        let seen = RequestNumberTests.seen
        let connection = try Connection()
        connection.interrupt(100)
        connection.read(100)
        connection.answer()
        #expect(seen.interrupted == [100])
        // One that isn't for the next request libfuse gives back to the kernel, which sends it again.
        connection.interrupt(104)
        connection.read(102)
        connection.answer()
        #expect(seen.interrupted == [100])
    }
}
