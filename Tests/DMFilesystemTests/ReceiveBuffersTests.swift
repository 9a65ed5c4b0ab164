import Testing

@testable import DMFilesystem

@Suite struct ReceiveBuffersTests {
    @Test("those of a thread that couldn't be started are freed")
    func unused() throws {
        weak var kept: ReceiveBuffers?
        do {
            let buffers = try #require(ReceiveBuffers())
            kept = buffers
            #expect(kept === buffers)
        }
        #expect(kept == nil)
    }
}
