import Glibc
import Testing

@testable import DMFilesystem

/// How often clients are looked at, and when their requests are cancelled.
@Suite struct InterruptedRequestsTests {
    /// A request that a device holds until it is cancelled or answered.
    private final class Held: Interruptible {
        var isAnswered = false
        var cancels = 0
        /// Not held at the first attempts.
        var attempts = 1

        func isPending(_ token: UInt) -> Bool { !isAnswered }

        func cancel(_ token: UInt) -> Bool {
            if isAnswered { return false }
            cancels += 1
            isAnswered = cancels >= attempts
            return !isAnswered
        }
    }

    /// Threads by number, `threads` to a process, and what signals wait for them.
    private final class Machine {
        var threads = 1
        var queued: UInt64 = 0
        var asked: Set<pid_t> = []
        var gone: Set<pid_t> = []
        var looks = 0

        func signals(of thread: pid_t) -> ClientSignals? {
            looks += 1
            if gone.contains(thread) { return nil }
            let process = (thread - 1) / pid_t(threads) + 1
            let set = asked.contains(thread) ? "4000" : "0"
            let text = """
                Tgid:\t\(process)
                SigQ:\t\(queued)/1000
                SigPnd:\t\(set)
                ShdPnd:\t0
                SigBlk:\t0
                SigIgn:\t0
                SigCgt:\tffff

                """
            return Array(text.utf8).withUnsafeBytes { ClientSignals(status: $0) }
        }
    }

    private let machine = Machine()

    private func watch(_ count: Int) -> (InterruptedRequests<Held>, [Held]) {
        var watch = InterruptedRequests<Held>(signals: machine.signals)
        let all = (0..<count).map { _ in Held() }
        for (index, held) in all.enumerated() {
            watch.add(Interruption(request: held, token: 8, client: pid_t(index + 1)))
        }
        return (watch, all)
    }

    @Test("a process is looked at, not each of its threads")
    func oneLook() {
        machine.threads = 1000
        var (watch, all) = watch(4000)
        #expect(machine.looks == 4000)
        for _ in 0..<10 { watch.lookAgain() }
        #expect(machine.looks == 4000 + 10 * 4)
        #expect(all.allSatisfy { $0.cancels == 0 })
        for held in all { held.isAnswered = true }
        watch.lookAgain()
        #expect(watch.isEmpty && machine.looks == 4000 + 10 * 4)
    }

    @Test(
        "a signal that was sent since has all threads looked at, and only that one's request ends")
    func newSignal() {
        machine.threads = 100
        var (watch, all) = watch(200)
        machine.asked = [57]
        machine.queued = 1
        watch.lookAgain()
        #expect(all[56].isAnswered)
        #expect(all.filter(\.isAnswered).count == 1)
        let looks = machine.looks
        watch.lookAgain()
        #expect(machine.looks == looks + 2)
    }

    @Test("what no count shows is found when it is that thread's turn")
    func turns() {
        machine.threads = 50
        var (watch, all) = watch(50)
        machine.asked = [33]
        for _ in 0..<50 { watch.lookAgain() }
        #expect(all[32].isAnswered)
        #expect(all.filter(\.isAnswered).count == 1)
    }

    @Test("a thread that is gone takes its request with it, and what isn't held yet is tried again")
    func gone() {
        machine.gone = [1, 2]
        var watch = InterruptedRequests<Held>(signals: machine.signals)
        let held = Held()
        let late = Held()
        late.attempts = 3
        watch.add(Interruption(request: held, token: 8, client: 1))
        watch.add(Interruption(request: late, token: 8, client: 2))
        #expect(held.isAnswered && !late.isAnswered && !watch.isEmpty)
        watch.lookAgain()
        watch.lookAgain()
        #expect(late.isAnswered && late.cancels == 3)
        watch.lookAgain()
        #expect(watch.isEmpty && machine.looks == 2)
    }

    @Test("looks come ever less often, and take a fiftieth of a CPU at most")
    func pace() {
        var pace = LookPace()
        pace.begin(at: 1000)
        #expect(pace.next == 1001)
        pace.noteLook(10, at: 1001)
        #expect(pace.next == 1003)
        for _ in 0..<20 { pace.noteLook(10, at: 2000) }
        #expect(pace.next == 2200)
        pace.noteLook(80_000, at: 3000)
        #expect(pace.next == 7000)
        pace.begin(at: 3001)
        #expect(pace.next == 7000)
    }
}
