import DeviceMapper
import SystemPackage
import Testing

@testable import dmfuse

@Suite struct MountTests {
    private static let mountinfo = """
        22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
        90 28 0:50 / /mnt/a rw,nosuid,nodev,relatime shared:9 - fuse.dmfuse dmfuse rw,user_id=1000,group_id=1000
        91 28 0:51 / /mnt/with\\040blank rw,relatime - fuse.dmfuse dmfuse rw,user_id=0,group_id=0,allow_other
        92 28 0:51 / /mnt/bound rw,relatime - fuse.dmfuse dmfuse rw,user_id=0,group_id=0,allow_other
        93 28 0:52 / /mnt/other rw,relatime - fuse.other other rw,user_id=0,group_id=0
        nonsense

        """

    @Test("a user's mounts are found, bound ones once, names unescaped")
    func finds() {
        let table = MountTable(mountinfo: Array(Self.mountinfo.utf8))
        #expect(table.mountPoints(of: 1000).map(\.string) == ["/mnt/a"])
        #expect(table.mountPoints(of: 0).map(\.string) == ["/mnt/with blank"])
        #expect(table.mountPoints(of: 5).isEmpty)
        #expect(table.contains(mountPoint: ByteString("/mnt/bound")))
    }

    private func choose(
        given: String? = nil, environment: String? = nil, mounts: [String] = []
    ) throws(Refusal) -> (path: String, devices: String) {
        let choice = MountChoice(
            given: given.map { ByteString($0) }, environment: environment.map { ByteString($0) },
            workingDirectory: { ByteString("/home/me") },
            mountPoints: { mounts.map { ByteString($0) } })
        let mount = try choice.choose()
        return (mount.path.string, mount.deviceDirectory.string)
    }

    @Test("--dir comes before DM_DEV_DIR, which comes before the only mount")
    func order() throws {
        #expect(try choose(given: "/a/", environment: "/b", mounts: ["/c"]) == ("/a", "/b"))
        #expect(try choose(given: "a", mounts: ["/c"]) == ("/home/me/a", "/dev"))
        #expect(try choose(environment: "/b//", mounts: ["/c"]) == ("/b", "/b"))
        #expect(try choose(environment: "", mounts: ["/c"]) == ("/c", "/dev"))
    }

    @Test("none, several, and a relative DM_DEV_DIR are refused in one line")
    func refusals() {
        let none = #expect(throws: Refusal.self) { try choose() }
        #expect(none?.clause.contains("dmfuse mount DIR") == true)
        let several = #expect(throws: Refusal.self) { try choose(mounts: ["/a", "/b"]) }
        #expect(several?.clause.hasSuffix("/a, /b") == true)
        let relative = #expect(throws: Refusal.self) { try choose(environment: "dev") }
        #expect(relative?.lines == ["Invalid DM_DEV_DIR environment variable value."])
    }

    @Test(
        "the name decides how we speak",
        arguments: [
            ("dmsetup", true), ("/sbin/dmsetup", true), ("./dmfuse", false), ("dmsetup.sh", false),
        ])
    func personality(name: String, isDmsetup: Bool) {
        #expect((Personality(programName: ByteString(name)) == .dmsetup) == isDmsetup)
    }
}
