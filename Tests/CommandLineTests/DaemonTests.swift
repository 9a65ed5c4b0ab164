import DeviceMapper
import Glibc
import SystemPackage
import Testing

@testable import DMCommandLine

@Suite struct DaemonTests {
    private static let procDevices = """
        Character devices:
          1 mem
        240 notours

        Block devices:
          7 loop
        240 zram
        242 virtblk
        259 blkext

        """

    @Test("block majors are free on this host, experimental ones first")
    func majors() {
        let chosen = BlockMajors.choose(procDevices: Array(Self.procDevices.utf8))
        #expect(chosen?.mapped == 241)
        #expect(chosen?.backing == 243)
        let unknown = BlockMajors.choose(procDevices: [])
        #expect(unknown?.mapped == 240)
        let all = "Block devices:\n" + (0..<512).map { "\($0) x\n" }.joined()
        #expect(BlockMajors.choose(procDevices: Array(all.utf8)) == nil)
    }

    @Test(
        "a start ends with ready, with a reason, or with the daemon",
        arguments: [
            ("ready\n", nil), ("ready\nmore", nil), ("mount /x: why\n", "mount /x: why"),
            ("", "mount: the daemon ended before the mount answered"),
            ("rea", "mount: the daemon ended before the mount answered"),
        ] as [(String, String?)])
    func readiness(sent: String, reason: String?) {
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0)
        SystemCalls.write(Array(sent.utf8), to: ends[1])
        close(ends[1])
        #expect(Readiness.wait(on: ends[0]) == reason)
        close(ends[0])
    }

    @Test("the first reason to end counts; a session that a client's unmount ends is none")
    func ending() {
        let ending = Ending()
        #expect(ending.beginUnmount())
        #expect(!ending.beginUnmount())
        ending.finish(.sessionEnded)
        ending.finish(.unmounted)
        ending.finish(.signal(15))
        #expect(ending.wait() == .unmounted)
        #expect(!ending.beginUnmount())

        let other = Ending()
        #expect(other.beginUnmount())
        other.abandonUnmount()
        other.finish(.sessionEnded)
        #expect(other.wait() == .sessionEnded)
    }

    @Test("devices that only other devices hold are not what keeps a mount busy")
    func busyDevices() throws {
        let fixture = try DaemonFixture()
        fixture.addFile("a", size: 1 << 20)
        let base = "0 1024 linear \(fixture.directory)/a 0"
        for (name, line) in [("low", base), ("high", "0 8 linear 254:0 0")] {
            #expect(fixture.run(["create", name, "--table", line]).errors == "")
        }
        #expect(fixture.run(["load", "high", "--table", "0 16 linear 254:0 0"]).status == 0)
        #expect(BusyDevices.names(fixture.registry).isEmpty)
        #expect(BusyDevices.reason(fixture.registry).contains("working directory"))
        try fixture.open("high", as: "1")
        #expect(BusyDevices.reason(fixture.registry) == "in use: high")
        try fixture.open("low", as: "2")
        #expect(BusyDevices.names(fixture.registry).map(\.string) == ["high", "low"])
    }
}
