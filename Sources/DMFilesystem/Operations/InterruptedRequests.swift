import Glibc

/// What can be cancelled for its client.
protocol Interruptible: AnyObject {
    /// Whether an interrupted request still waits for its answer.
    func isPending(_ token: UInt) -> Bool
    /// Cancels an interrupted request if a device holds it. False: it is answered, or about to be.
    /// True: it may still be under way, and be held later.
    func cancel(_ token: UInt) -> Bool
}

/// That the client of a request got a signal.
struct Interruption<Request: Interruptible> {
    let request: Request
    /// Of the kernel's request: the object may be used for another since.
    let token: UInt
    /// The thread that waits; 0: not in our namespace.
    let client: pid_t
}

/// Interrupted requests that aren't answered, and whether their clients are to end.
///
/// The kernel interrupts a request for any signal, once. A block device's read is interrupted by none:
/// programs don't expect EINTR of one, a timer or a profiler sends signals by the thousand, and
/// SA_RESTART, which a program may rely on, does nothing for an EINTR that we answer. But who dies or is
/// asked to end, by Ctrl-C too, shall not wait for a suspended device, whether he handles that signal (dd
/// does) or not. Of a second signal nobody tells us, so clients are looked at again.
///
/// That costs one look at each process, not at each thread: what is sent to a process, and SIGKILL,
/// shows in any of its threads, which take turns. All of them are looked at when the count of queued
/// signals shows that one was sent since to somebody.
struct InterruptedRequests<Request: Interruptible> {
    private struct Process {
        var waiting: [Interruption<Request>] = []
        /// Signals that were queued when all were looked at.
        var queued: UInt64
        /// Whose turn it is.
        var turn = 0
    }

    private var processes: [pid_t: Process] = [:]
    /// Of clients that are to end, not held when we looked.
    private var ending: [Interruption<Request>] = []
    private let signals: (pid_t) -> ClientSignals?

    /// `signals`: of a thread at this moment. Nil: it is gone, or not to be seen.
    init(signals: @escaping (pid_t) -> ClientSignals?) { self.signals = signals }

    var isEmpty: Bool { processes.isEmpty && ending.isEmpty }

    /// Cancels a request whose client is to end, and keeps the others in mind.
    mutating func add(_ interruption: Interruption<Request>) {
        guard interruption.request.isPending(interruption.token) else { return }
        guard let signals = signals(interruption.client), !signals.askToEnd else {
            return end(interruption)
        }
        processes[signals.process, default: Process(queued: signals.queued)].waiting
            .append(interruption)
    }

    private mutating func end(_ interruption: Interruption<Request>) {
        if interruption.request.cancel(interruption.token) { ending.append(interruption) }
    }

    /// Forgets what was answered, and looks at the clients of the others.
    mutating func lookAgain() {
        ending = ending.filter { $0.request.cancel($0.token) }
        for number in Array(processes.keys) {
            guard var process = processes[number] else { continue }
            process.waiting = process.waiting.filter { $0.request.isPending($0.token) }
            look(at: &process)
            processes[number] = process.waiting.isEmpty ? nil : process
        }
        // A burst's room isn't kept.
        if processes.isEmpty { processes = [:] }
    }

    private mutating func look(at process: inout Process) {
        guard !process.waiting.isEmpty else { return }
        process.turn = (process.turn + 1) % process.waiting.count
        let first = signals(process.waiting[process.turn].client)
        if let first, !first.askToEnd, first.queued == process.queued { return }
        // Before the look at the others, so that what comes meanwhile shows next time.
        if let first { process.queued = first.queued }
        var left: [Interruption<Request>] = []
        for interruption in process.waiting {
            if let found = signals(interruption.client), !found.askToEnd {
                left.append(interruption)
            } else {
                end(interruption)
            }
        }
        process.waiting = left
    }
}

/// When interrupted requests are looked at again: ever less often, and the less often the longer a look
/// takes.
struct LookPace {
    private static let shortest: UInt64 = 1
    private static let longest: UInt64 = 200
    /// Of a CPU: one part of so many at most.
    private static let share: UInt64 = 50

    private var pause = shortest
    private var earliest: UInt64 = 0
    /// In monotonic milliseconds.
    private(set) var next: UInt64 = 0

    /// New ones came: a request that no device holds at this moment can be held by the next one below.
    mutating func begin(at now: UInt64) {
        pause = LookPace.shortest
        next = max(now + pause, earliest)
    }

    /// A look ended that took so many microseconds of a CPU.
    mutating func noteLook(_ microseconds: UInt64, at now: UInt64) {
        pause = min(pause * 2, LookPace.longest)
        earliest = now + microseconds * LookPace.share / 1000
        next = max(now + pause, earliest)
    }

    /// What this thread has used of a CPU, in microseconds.
    static var used: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
