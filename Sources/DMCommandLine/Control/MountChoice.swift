import DMFilesystem
import DeviceMapper
import Glibc

/// Which mount a command is about: `--dir`, or DM_DEV_DIR, or that of `dmfuse run`, or the caller's only
/// one.
struct MountChoice {
    /// The value of `--dir`.
    var given: ByteString?
    /// The value of DM_DEV_DIR.
    var environment: ByteString?
    /// The mount that `dmfuse run` leads /dev to, in what it runs: paths below either mean it. So is
    /// DM_DEV_DIR then /dev.
    var led = SystemCalls.environment("DMFUSE_DIR")
    var mountPoints: () -> [ByteString] = { Self.mountPoints(of: getuid()) }

    static let kernelDirectory = ByteString("/dev")

    func choose() throws(Refusal) -> MountDirectory {
        let environment = self.environment.flatMap { $0.isEmpty ? nil : $0 }
        let device = environment.map(Self.trimmed) ?? Self.kernelDirectory
        if let given {
            return MountDirectory(path: try Self.absolute(given), deviceDirectory: device)
        }
        if let led, device == Self.kernelDirectory {
            return MountDirectory(path: led, deviceDirectory: device, isDevice: true)
        }
        if let environment {
            guard environment.bytes.first == UInt8(ascii: "/") else {
                throw Refusal(
                    ["Invalid DM_DEV_DIR environment variable value."],
                    cause: "DM_DEV_DIR is not an absolute path: \(environment.string)")
            }
            guard device != led else {
                return MountDirectory(
                    path: device, deviceDirectory: Self.kernelDirectory, isDevice: true)
            }
            return MountDirectory(path: device, deviceDirectory: device)
        }
        let found = mountPoints()
        guard let only = found.first else {
            throw Refusal("no dmfuse mount of yours: make one with 'dmfuse mount DIR'")
        }
        guard found.count == 1 else {
            let list = found.map(\.string).joined(separator: ", ")
            throw Refusal("several dmfuse mounts: name one with --dir or DM_DEV_DIR: \(list)")
        }
        return MountDirectory(path: only, deviceDirectory: device)
    }

    /// The mount of a verb of ours, by what its command line names, if anything.
    static func choose(_ given: ByteString?) throws(Refusal) -> MountDirectory {
        try MountChoice(given: given, environment: SystemCalls.environment("DM_DEV_DIR")).choose()
    }

    /// Against the working directory; without slashes at its end. Refused: an empty one, as by the
    /// kernel; and a relative one where the working directory was removed, or is out of reach.
    static func absolute(
        _ path: ByteString, workingDirectory: ByteString? = SystemCalls.workingDirectory()
    ) throws(Refusal) -> ByteString {
        let isMissing = SystemCalls.text(.noSuchFileOrDirectory)
        guard let first = path.bytes.first else { throw Refusal("\(isMissing): an empty name") }
        if first == UInt8(ascii: "/") { return trimmed(path) }
        guard let workingDirectory else {
            throw Refusal("\(path.string): \(isMissing): the working directory has no path")
        }
        return trimmed(workingDirectory + ByteString("/") + path)
    }

    private static func trimmed(_ path: ByteString) -> ByteString {
        let slash = UInt8(ascii: "/")
        var bytes = path.bytes[...]
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        return ByteString(bytes)
    }

    /// Where a user's dmfuse file systems are mounted: each once, where it was mounted first,
    /// though it be bound elsewhere.
    private static func mountPoints(of user: UInt32) -> [ByteString] {
        let found = own((try? MountTable.read()) ?? [], user: user)
        guard found.count > 1 else { return found }
        // What a dead daemon left behind is no choice. One that is stopped is.
        let states = Liveness.look(at: found, milliseconds: patience)
        let ours = zip(found, states).filter { $0.1 != .foreign }
        let alive = ours.filter { $0.1 != .dead }
        return (alive.isEmpty ? ours : alive).map(\.0)
    }

    /// Milliseconds.
    private static let patience: UInt32 = 2000

    static func own(_ mounts: [MountEntry], user: UInt32) -> [ByteString] {
        var seen: Set<DeviceNumber> = []
        return mounts.filter { $0.isOurs && $0.userID == user && seen.insert($0.number).inserted }
            .map(\.directory)
    }
}
