import DeviceMapper
import Glibc
import SystemPackage

@testable import DMFilesystem

/// A mount on a directory of its own, with backing files beside it, taken down by `end`.
final class MountedTree {
    let base: String
    let registry: DeviceRegistry
    let session: Session
    private(set) var mount: Mount?

    var directory: String { base + "/mnt" }

    /// Whether this machine lets us mount: root with CAP_SYS_ADMIN (bit 21), and /dev/fuse that opens,
    /// which a container may refuse whatever its mode is.
    static let isPossible =
        geteuid() == 0
        && Shell.run(
            #"""
            exec 3<>/dev/fuse 2>/dev/null &&
              [ $((0x$(sed -n 's/^CapEff:.//p' /proc/self/status) >> 21 & 1)) = 1 ]
            """#
        ).status == 0

    init(
        threads: Int = 4, options: MountOptions = MountOptions(),
        moreTargetTypes: [TargetType] = []
    ) throws {
        var template = Array("/tmp/dmfuse-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw DMError(Errno(rawValue: errno)) }
        base = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        mkdir(base + "/mnt", 0o755)
        var core = RegistryConfiguration(mappedMajor: 240, backingMajor: 241)
        core.moreTargetTypes = moreTargetTypes
        registry = DeviceRegistry(core)
        let mount = try Mount(at: ByteString(base + "/mnt"), options: options)
        var configuration = SessionConfiguration(controlSocket: ByteString(base + "/socket"))
        configuration.threads = threads
        self.mount = mount
        session = try Session(registry: registry, mount: mount, configuration: configuration)
        try session.start()
        try session.waitUntilServing()
    }

    /// Forced, as a last resort: what is held fails EIO.
    func end() {
        try? registry.beginShutdown(force: true)
        _ = try? mount?.unmount(detach: true)
        session.stop()
        session.waitUntilEnded()
        mount = nil
        registry.finishShutdown()
        _ = Shell.run("rm -rf --one-file-system '\(base)'")
    }

    /// Closes the descriptor: the kernel takes the daemon for dead.
    func forgetMount() { mount = nil }

    /// In the mount.
    func path(_ name: String) -> String { directory + "/" + name }

    /// A sparse backing file.
    func backing(_ name: String, sectors: UInt64) -> String {
        let path = base + "/" + name
        _ = Shell.run("truncate -s \(sectors * 512) '\(path)'")
        return path
    }

    /// Creates and resumes a device over table lines "start length type arguments".
    @discardableResult
    func create(
        _ name: String, _ lines: [String], readOnly: Bool = false
    ) throws -> DeviceReference {
        let reference = DeviceReference.name(ByteString(name))
        _ = try registry.create(name: ByteString(name), uuid: .empty, minor: nil)
        try load(reference, lines, readOnly: readOnly)
        _ = try registry.resume(reference)
        return reference
    }

    func load(_ reference: DeviceReference, _ lines: [String], readOnly: Bool = false) throws {
        guard let mount else { throw DMError(.badFileDescriptor) }
        let paths = ClientPaths(
            registry: registry, workingDirectory: nil, deviceDirectory: mount.directory,
            mountPoint: mount.directory, mountDevice: mount.device)
        let table = lines.map { line in
            let words = line.split(separator: " ", maxSplits: 3)
            return TableLine(
                start: UInt64(words[0]) ?? 0, length: UInt64(words[1]) ?? 0,
                targetType: ByteString(String(words[2])),
                parameters: ByteString(words.count > 3 ? String(words[3]) : ""))
        }
        _ = try registry.load(reference, lines: table, readOnly: readOnly, resolver: paths)
    }

    /// Requests that a device holds or works on.
    var outstanding: Int { session.requests.outstanding }
}
