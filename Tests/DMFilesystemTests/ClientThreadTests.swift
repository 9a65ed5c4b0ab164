import Glibc
import Testing

@testable import DMFilesystem

@Suite struct ClientThreadTests {
    private func askToEnd(
        own: Int32...,
        shared: Int32 = 0, blocked: Int32 = 0, ignored: Int32 = 0, caught: Int32 = 0,
        name: [UInt8] = Array("dd".utf8)
    ) -> Bool? {
        func set(_ signals: [Int32]) -> String {
            let bits = signals.reduce(UInt64(0)) { $1 > 0 ? $0 | 1 << UInt64($1 - 1) : $0 }
            let digits = String(bits, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let text = """

            State:\tD (disk sleep)
            Tgid:\t1234
            SigQ:\t17/95996
            SigPnd:\t\(set(own))
            ShdPnd:\t\(set([shared]))
            SigBlk:\t\(set([blocked]))
            SigIgn:\t\(set([ignored]))
            SigCgt:\t\(set([caught]))

            """
        let signals = signals(Array("Name:\t".utf8) + name + Array(text.utf8))
        #expect(signals?.process == 1234 && signals?.queued == 17)
        return signals?.askToEnd
    }

    private func signals(_ text: [UInt8]) -> ClientSignals? {
        text.withUnsafeBytes { ClientSignals(status: $0) }
    }

    @Test("a pending SIGKILL is death, whatever else is handled")
    func killed() {
        #expect(askToEnd(own: SIGKILL) == true)
        #expect(askToEnd(own: SIGUSR1, SIGKILL, caught: SIGUSR1) == true)
    }

    @Test("a signal that dumps core is death where nobody handles it")
    func dumpsCore() {
        #expect(askToEnd(own: 0, shared: SIGQUIT) == true)
        #expect(askToEnd(own: 0, shared: SIGQUIT, blocked: SIGQUIT) == false)
        #expect(askToEnd(own: 0, shared: SIGQUIT, ignored: SIGQUIT) == false)
    }

    @Test(
        "handled signals, and those that stop or do nothing, are not",
        arguments: [SIGUSR1, SIGALRM, SIGPROF])
    func handled(signal: Int32) {
        #expect(askToEnd(own: signal, caught: signal) == false)
        let harmless = askToEnd(own: SIGTSTP, SIGCHLD, SIGWINCH, SIGURG, SIGCONT)
        #expect(harmless == false)
        #expect(askToEnd(own: 0) == false)
    }

    @Test(
        "who is asked to end shall end, whether that signal is handled or not",
        arguments: [SIGHUP, SIGINT, SIGQUIT, SIGTERM])
    func asked(signal: Int32) {
        #expect(askToEnd(own: 0, shared: signal) == true)
        #expect(askToEnd(own: 0, shared: signal, caught: signal) == true)
        #expect(askToEnd(own: 0, shared: signal, blocked: signal) == false)
        #expect(askToEnd(own: 0, shared: signal, ignored: signal) == false)
    }

    @Test(
        "what a client calls itself hides no line",
        arguments: [[0x0d], [0xff, 0x0d], Array("\u{600}".utf8)])
    func named(name: [UInt8]) {
        #expect(askToEnd(own: SIGKILL, name: name) == true)
        #expect(askToEnd(own: 0, name: name) == false)
    }

    @Test(
        "what is no status of a thread is nothing",
        arguments: ["", "SigPnd:\tzz\n", "Tgid:\t1\nSigQ:\t99999999999999999999/1\n", "\n\nTgid"])
    func unknown(text: String) {
        #expect(signals(Array(text.utf8)) == nil)
    }

    @Test("a thread that runs is to be seen, and none of another namespace")
    func real() {
        #expect(ClientThread.signals(of: 0) == nil)
        #expect(ClientThread.signals(of: getpid())?.process == getpid())
        #expect(ClientThread.signals(of: getpid())?.askToEnd == false)
    }
}
