import Glibc
import Testing

@testable import DMFilesystem

@Suite struct ClientTests {
    private func status(
        own: Int32...,
        shared: Int32 = 0, blocked: Int32 = 0, ignored: Int32 = 0, caught: Int32 = 0,
        name: [UInt8] = Array("dd".utf8)
    ) -> [UInt8] {
        func set(_ signals: [Int32]) -> String {
            let bits = signals.reduce(UInt64(0)) { $1 > 0 ? $0 | 1 << UInt64($1 - 1) : $0 }
            let digits = String(bits, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return Array("Name:\t".utf8) + name
            + """

            State:\tD (disk sleep)
            SigQ:\t0/95996
            SigPnd:\t\(set(own))
            ShdPnd:\t\(set([shared]))
            SigBlk:\t\(set([blocked]))
            SigIgn:\t\(set([ignored]))
            SigCgt:\t\(set([caught]))

            """.utf8
    }

    @Test("a pending SIGKILL is death, whatever else is handled")
    func killed() {
        #expect(Client.isAskedToEnd(status: status(own: SIGKILL)))
        #expect(Client.isAskedToEnd(status: status(own: SIGUSR1, SIGKILL, caught: SIGUSR1)))
    }

    @Test("a signal that dumps core is death where nobody handles it")
    func dumpsCore() {
        #expect(Client.isAskedToEnd(status: status(own: 0, shared: SIGQUIT)))
        #expect(!Client.isAskedToEnd(status: status(own: 0, shared: SIGQUIT, blocked: SIGQUIT)))
        #expect(!Client.isAskedToEnd(status: status(own: 0, shared: SIGQUIT, ignored: SIGQUIT)))
    }

    @Test(
        "handled signals, and those that stop or do nothing, are not",
        arguments: [SIGUSR1, SIGALRM, SIGPROF])
    func handled(signal: Int32) {
        #expect(!Client.isAskedToEnd(status: status(own: signal, caught: signal)))
        let harmless = status(own: SIGTSTP, SIGCHLD, SIGWINCH, SIGURG, SIGCONT)
        #expect(!Client.isAskedToEnd(status: harmless))
        #expect(!Client.isAskedToEnd(status: status(own: 0)))
    }

    @Test(
        "who is asked to end shall end, whether that signal is handled or not",
        arguments: [SIGHUP, SIGINT, SIGQUIT, SIGTERM])
    func asked(signal: Int32) {
        #expect(Client.isAskedToEnd(status: status(own: 0, shared: signal)))
        #expect(Client.isAskedToEnd(status: status(own: 0, shared: signal, caught: signal)))
        #expect(!Client.isAskedToEnd(status: status(own: 0, shared: signal, blocked: signal)))
        #expect(!Client.isAskedToEnd(status: status(own: 0, shared: signal, ignored: signal)))
    }

    @Test(
        "what a client calls itself hides no line",
        arguments: [[0x0d], [0xff, 0x0d], Array("\u{600}".utf8)])
    func named(name: [UInt8]) {
        #expect(Client.isAskedToEnd(status: status(own: SIGKILL, name: name)))
        #expect(!Client.isAskedToEnd(status: status(own: 0, name: name)))
    }

    @Test("a client that can't be looked at is taken for dead", arguments: ["", "SigPnd:\tzz\n"])
    func unknown(text: String) {
        #expect(Client.isAskedToEnd(status: Array(text.utf8)))
        #expect(Client.isAskedToEnd(0))
        #expect(!Client.isAskedToEnd(getpid()))
    }
}
