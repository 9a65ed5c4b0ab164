import Testing

@testable import DMFilesystem

/// The races between completion and interruption, one order after the other.
@Suite struct RequestStateTests {
    private let first: UInt = 0x1000
    private let second: UInt = 0x2000

    @Test("without an interruption, completion gives the request back")
    func plain() {
        let state = RequestState()
        state.begin(first)
        #expect(state.finish() == true)
        state.clear()
        #expect(state.interrupt(first) == false)
    }

    @Test("an interruption is noted once")
    func once() {
        let state = RequestState()
        state.begin(first)
        #expect(state.interrupt(first) == true)
        #expect(state.interrupt(first) == false)
        #expect(state.interruptAny() == false)
    }

    @Test("an interruption that comes late doesn't meet the next request in the same object")
    func late() {
        let state = RequestState()
        state.begin(first)
        #expect(state.finish() == true)
        state.clear()
        state.begin(second)
        #expect(state.interrupt(first) == false)
        #expect(state.pin() == false)
    }

    @Test("only an interrupted request is pinned")
    func pinsInterrupted() {
        let state = RequestState()
        #expect(state.pin() == false)
        state.begin(first)
        #expect(state.pin() == false)
        #expect(state.interrupt(first) == true)
        #expect(state.pin() == true)
        #expect(state.pin() == false)
        #expect(state.unpin() == false)
        #expect(state.pin() == true)
    }

    @Test("completion while it is pinned leaves the giving back to who pinned it")
    func completedWhilePinned() {
        let state = RequestState()
        state.begin(first)
        #expect(state.interrupt(first) == true)
        #expect(state.pin() == true)
        #expect(state.finish() == false)
        #expect(state.unpin() == true)
    }

    @Test("an answered request is not pinned any more")
    func pinAfterCompletion() {
        let state = RequestState()
        state.begin(first)
        #expect(state.interrupt(first) == true)
        #expect(state.finish() == true)
        #expect(state.pin() == false)
    }

    @Test("the end of a session interrupts whatever is there")
    func end() {
        let state = RequestState()
        #expect(state.interruptAny() == false)
        state.begin(second)
        #expect(state.interruptAny() == true)
        #expect(state.pin() == true)
    }
}
