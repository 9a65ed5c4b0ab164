import DMTestSupport
import DeviceMapper
import Testing

/// Whether a thread waits in the kernel, or gets no CPU.
@Suite struct StuckThreadTests {
    private func status(_ text: String) -> ThreadStatus? {
        Array(text.utf8).withUnsafeBytes { ThreadStatus(status: $0) }
    }

    @Test("what /proc says")
    func parsing() {
        let rest = "Pid:\t7\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
        #expect(
            status("Name:\tx\nState:\tD (disk sleep)\n" + rest)
                == ThreadStatus(state: "D", sleeps: 12, preemptions: 3))
        #expect(
            status("Name:\tx\nState:\tR (running)\n" + rest)
                == ThreadStatus(state: "R", sleeps: 12, preemptions: 3))
        #expect(status("State:\tD (disk sleep)\n") == nil)
        #expect(status(rest) == nil)
        #expect(status("") == nil)
    }

    /// How many looks that find this it takes, of at most 100.
    private func looks(_ thread: StuckThread, _ status: ThreadStatus?) -> Int? {
        (1...100).first { _ in thread.note(status) }
    }

    @Test("one that is found in the same sleep so often, and in no other")
    func same() {
        #expect(
            looks(StuckThread(), ThreadStatus(state: "D", sleeps: 5)) == StuckThread.enough)
        #expect(looks(StuckThread(), ThreadStatus(state: "R", sleeps: 5)) == nil)
        #expect(
            looks(StuckThread(), ThreadStatus(state: "S", sleeps: 5)) == StuckThread.enough)
        // Without /proc it is so after the same time.
        #expect(looks(StuckThread(), nil) == StuckThread.enough)
        let thread = StuckThread()
        for sleeps: UInt64 in 1...100 {
            #expect(!thread.note(ThreadStatus(state: "D", sleeps: sleeps)))
        }
    }

    @Test("a look at something else begins anew")
    func anew() {
        let waiting = ThreadStatus(state: "D", sleeps: 5)
        let thread = StuckThread()
        for _ in 1..<StuckThread.enough { #expect(!thread.note(waiting)) }
        #expect(!thread.note(ThreadStatus(state: "R", sleeps: 5)))
        for _ in 1..<StuckThread.enough { #expect(!thread.note(waiting)) }
        thread.forget()
        #expect(looks(thread, waiting) == StuckThread.enough)
    }

    @Test("who slept or was made to leave his CPU has had one; who sleeps wants none")
    func hasRun() {
        let first = ThreadStatus(state: "R", sleeps: 5, preemptions: 7)
        #expect(!first.hasRun(since: first))
        #expect(ThreadStatus(state: "R", sleeps: 6, preemptions: 7).hasRun(since: first))
        #expect(ThreadStatus(state: "R", sleeps: 5, preemptions: 8).hasRun(since: first))
        let asleep = ThreadStatus(state: "S", sleeps: 5, preemptions: 7)
        #expect(asleep.hasRun(since: asleep))
    }

    @Test("a thread that hasn't begun, or that runs, isn't stuck")
    func running() {
        let thread = StuckThread()
        for _ in 0..<100 { #expect(!thread.isStuck()) }
        // This one runs.
        thread.begin()
        for _ in 0..<100 { #expect(!thread.isStuck()) }
    }
}
