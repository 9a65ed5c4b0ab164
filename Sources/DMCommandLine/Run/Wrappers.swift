import DeviceMapper
import Glibc

/// The programs that stand before others of the same name on the PATH of a command, where what is
/// preloaded would be lost: Sources/wrappers.
struct Wrappers {
    /// dmfuse itself, which they start.
    let program: ByteString
    /// PATH with their directories first.
    let path: ByteString

    /// Beside `library`, in a directory `dmfuse-run`, each in a directory of its own: only those of
    /// programs that are there are used, and `mount` by ordinary users alone, since root's needs none. Nil:
    /// there is nothing to put on PATH.
    init?(
        library: ByteString, program: ByteString?,
        path: ByteString? = SystemCalls.environment("PATH"), isRoot: Bool = geteuid() == 0
    ) {
        guard let program, let path, let slash = library.bytes.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        let separator = UInt8(ascii: ":")
        let place = ByteString(library.bytes[..<slash]) + ByteString("/dmfuse-run/")
        let own = ["sudo", "mount"].map { place + ByteString($0) }
        // A command that runs another by us has them already.
        let others = path.bytes.split(separator: separator, omittingEmptySubsequences: false)
            .map { ByteString($0) }.filter { !own.contains($0) }
        let rest = others.dropFirst().reduce(others.first ?? .empty) { $0 + ByteString(":") + $1 }
        var found: ByteString?
        for name in isRoot ? ["sudo"] : ["sudo", "mount"] {
            let directory = place + ByteString(name)
            guard !directory.bytes.contains(separator),
                SystemCalls.isExecutable(directory + ByteString("/\(name)")),
                ProgramFile.find(ByteString(name), path: rest) != nil
            else { continue }
            found = (found.map { $0 + ByteString(":") } ?? .empty) + directory
        }
        guard let found else { return nil }
        self.program = program
        self.path = found + ByteString(":") + rest
    }
}
