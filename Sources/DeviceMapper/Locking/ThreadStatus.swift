/// What a thread is at, by proc(5).
package struct ThreadStatus: Equatable {
    /// A letter.
    private let state: UInt8
    /// How often it went to sleep so far.
    let sleeps: UInt64
    /// How often it had to leave its CPU to others.
    private let preemptions: UInt64

    package init(state: Unicode.Scalar, sleeps: UInt64, preemptions: UInt64 = 0) {
        self.state = UInt8(ascii: state)
        self.sleeps = sleeps
        self.preemptions = preemptions
    }

    /// Whether it waits: for a page, or for a thread that does.
    var isWaiting: Bool { state == UInt8(ascii: "D") || state == UInt8(ascii: "S") }

    /// Whether it surely has had a CPU since `earlier`, or wants none.
    package func hasRun(since earlier: ThreadStatus) -> Bool {
        state != UInt8(ascii: "R") || self != earlier
    }

    /// By the text of /proc/PID/status. Nil: something is missing.
    package init?(status text: UnsafeRawBufferPointer) {
        var state: UInt8?
        var sleeps: UInt64?
        var preemptions: UInt64?
        for line in text.split(separator: UInt8(ascii: "\n")) {
            if let word = ProcLine.value(of: "State:\t", line) { state = word.first }
            if let word = ProcLine.value(of: "voluntary_ctxt_switches:\t", line) {
                sleeps = ProcLine.number(word, radix: 10)
            }
            if let word = ProcLine.value(of: "nonvoluntary_ctxt_switches:\t", line) {
                preemptions = ProcLine.number(word, radix: 10)
            }
        }
        guard let state, let sleeps, let preemptions else { return nil }
        self.state = state
        self.sleeps = sleeps
        self.preemptions = preemptions
    }
}
