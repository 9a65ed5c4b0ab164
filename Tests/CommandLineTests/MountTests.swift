@testable import DMFilesystem
import DeviceMapper
import SystemPackage
import Testing

@testable import DMCommandLine

@Suite struct MountTests {
    private static func entry(
        _ minor: UInt32, _ directory: String, user: UInt32?, type: String = "fuse.dmfuse"
    ) -> MountEntry {
        MountEntry(
            id: minor, parent: 1, number: DeviceNumber(major: 0, minor: minor),
            directory: ByteString(directory), fileSystemType: ByteString(type),
            source: ByteString("dmfuse"),
            options: [ByteString("rw")] + (user.map { [ByteString("user_id=\($0)")] } ?? []))
    }

    @Test("a user's mounts are found, bound ones once")
    func finds() {
        let mounts = [
            Self.entry(50, "/mnt/a", user: 1000), Self.entry(51, "/mnt/with blank", user: 0),
            Self.entry(51, "/mnt/bound", user: 0),
            Self.entry(52, "/mnt/other", user: 0, type: "fuse.other"),
        ]
        #expect(MountChoice.own(mounts, user: 1000).map(\.string) == ["/mnt/a"])
        #expect(MountChoice.own(mounts, user: 0).map(\.string) == ["/mnt/with blank"])
        #expect(MountChoice.own(mounts, user: 5).isEmpty)
    }

    private func choose(
        given: String? = nil, environment: String? = nil, led: String? = nil,
        mounts: [String] = []
    ) throws(Refusal) -> (path: String, devices: String) {
        let choice = MountChoice(
            given: given.map { ByteString($0) }, environment: environment.map { ByteString($0) },
            led: led.map { ByteString($0) }, mountPoints: { mounts.map { ByteString($0) } })
        let mount = try choice.choose()
        return (mount.path.string, mount.deviceDirectory.string)
    }

    @Test("--dir comes before DM_DEV_DIR, which comes before the only mount")
    func order() throws {
        #expect(try choose(given: "/a/", environment: "/b", mounts: ["/c"]) == ("/a", "/b"))
        #expect(try choose(environment: "/b//", mounts: ["/c"]) == ("/b", "/b"))
        #expect(try choose(environment: "", mounts: ["/c"]) == ("/c", "/dev"))
    }

    @Test("under dmfuse run /dev in a table line is the mount, whatever DM_DEV_DIR says")
    func led() throws {
        #expect(try choose(environment: "/b", led: "/b") == ("/b", "/dev"))
        #expect(try choose(environment: "/dev", led: "/b") == ("/b", "/dev"))
        #expect(try choose(led: "/b") == ("/b", "/dev"))
        #expect(try choose(given: "/a", environment: "/dev", led: "/b") == ("/a", "/dev"))
        #expect(try choose(environment: "/b", led: "/c") == ("/b", "/b"))
    }

    @Test(
        "a relative directory is the caller's",
        arguments: [("a/", "/home/me/a"), ("/a//", "/a"), ("/", "/"), ("./a", "/home/me/./a")])
    func relative(path: String, absolute: String) throws {
        let result = try MountChoice.absolute(
            ByteString(path), workingDirectory: ByteString("/home/me"))
        #expect(result == ByteString(absolute))
    }

    @Test("an empty directory is none, nor is a relative one where the working directory is gone")
    func noDirectory() {
        for (path, directory) in [("", "/home/me"), (".", nil), ("a", nil)] {
            #expect(throws: Refusal.self) {
                try MountChoice.absolute(
                    ByteString(path), workingDirectory: directory.map { ByteString($0) })
            }
        }
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
