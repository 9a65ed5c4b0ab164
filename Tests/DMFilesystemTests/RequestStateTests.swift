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
        #expect(state.interruptAny() == first)
        #expect(state.isInterrupted(first) == true)
    }

    @Test("an interruption that comes late doesn't meet the next request in the same object")
    func late() {
        let state = RequestState()
        state.begin(first)
        #expect(state.finish() == true)
        state.clear()
        state.begin(second)
        #expect(state.interrupt(first) == false)
        #expect(state.pin(first) == false)
    }

    @Test("only an interrupted request is pinned")
    func pinsInterrupted() {
        let state = RequestState()
        #expect(state.pin(first) == false)
        state.begin(first)
        #expect(state.pin(first) == false)
        #expect(state.interrupt(first) == true)
        #expect(state.pin(first) == true)
        #expect(state.pin(first) == false)
        #expect(state.unpin() == false)
        #expect(state.pin(first) == true)
    }

    @Test("completion while it is pinned leaves the giving back to who pinned it")
    func completedWhilePinned() {
        let state = RequestState()
        state.begin(first)
        #expect(state.interrupt(first) == true)
        #expect(state.pin(first) == true)
        #expect(state.finish() == false)
        #expect(state.unpin() == true)
    }

    @Test("an answered request is not pinned any more")
    func pinAfterCompletion() {
        let state = RequestState()
        state.begin(first)
        #expect(state.interrupt(first) == true)
        #expect(state.finish() == true)
        #expect(state.pin(first) == false)
    }

    @Test("the end of a session interrupts whatever is there, interrupted already or not")
    func end() {
        let state = RequestState()
        #expect(state.interruptAny() == nil)
        state.begin(second)
        #expect(state.interruptAny() == second)
        #expect(state.interruptAny() == second)
        #expect(state.pin(second) == true)
    }

    @Test("an interruption of an earlier request doesn't pin the next, though that is interrupted")
    func pinsByToken() {
        let state = RequestState()
        state.begin(second)
        #expect(state.interrupt(second) == true)
        #expect(state.pin(first) == false)
        #expect(state.isInterrupted(first) == false)
    }
}
