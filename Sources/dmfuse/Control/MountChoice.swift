import DeviceMapper
import Glibc

/// Which mount a command is about: `--dir`, or DM_DEV_DIR, or the caller's only one.
struct MountChoice {
    /// The value of `--dir`.
    var given: ByteString?
    /// The value of DM_DEV_DIR.
    var environment: ByteString?
    var workingDirectory: () -> ByteString? = SystemCalls.workingDirectory
    var mountPoints: () -> [ByteString] = {
        let text = (try? SystemCalls.contents(of: ByteString("/proc/self/mountinfo"))) ?? []
        return MountTable(mountinfo: text).mountPoints(of: getuid())
    }

    static let kernelDirectory = ByteString("/dev")

    func choose() throws(Refusal) -> MountDirectory {
        let environment = self.environment.flatMap { $0.isEmpty ? nil : $0 }
        let device = environment.map(Self.trimmed) ?? Self.kernelDirectory
        if let given {
            return MountDirectory(path: absolute(given), deviceDirectory: device)
        }
        if let environment {
            guard environment.bytes.first == UInt8(ascii: "/") else {
                throw Refusal("Invalid DM_DEV_DIR environment variable value.")
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

    private func absolute(_ path: ByteString) -> ByteString {
        if path.bytes.first == UInt8(ascii: "/") { return Self.trimmed(path) }
        return Self.trimmed((workingDirectory() ?? .empty) + ByteString("/") + path)
    }

    /// Without slashes at the end.
    private static func trimmed(_ path: ByteString) -> ByteString {
        let slash = UInt8(ascii: "/")
        var bytes = path.bytes[...]
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        return ByteString(bytes)
    }
}
