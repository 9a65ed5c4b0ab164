import ArgumentParser
import DMControl
import DeviceMapper
import SystemPackage

/// `dmfuse run COMMAND...`.
struct RunVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a command for which the mount is device-mapper.",
        discussion: """
            The command, and what it starts, find the mount's devices below /dev/mapper and in \
            DM_DEV_DIR, as block devices, and reach the daemon as if it were the kernel's \
            device-mapper: dmsetup, kpartx, lvm and scripts run as they are.

              dmfuse run -- dmsetup ls --tree

            The exit status is the command's; 127: there is no such command; 126: it can't be \
            run so; 125: there is no mount, or something is wrong with the command line.
            """)

    @Option(name: .customLong("dir"), help: "The mount.", completion: .directory)
    var directory: ByteString?

    @Option(
        help: "Append to a file what the kernel would have logged: why a table was refused.",
        completion: .file())
    var reasons: ByteString?

    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments.")
    var command: [String] = []

    static let badStatus: Int32 = 125

    /// `words` are the whole command line as the kernel gave it: a command's arguments need not be
    /// UTF-8. Returns only if the command can't be run.
    func execute(_ words: [ByteString], _ console: Console) -> Int32 {
        var command = Array(words.suffix(self.command.count))
        if command.first == ByteString("--") {
            command.removeFirst()
        } else if let option = command.first, option.hasPrefix(ByteString("-")) {
            console.report("dmfuse: run: unknown option \(option.string)")
            return Self.badStatus
        }
        guard let name = command.first else {
            console.report("dmfuse: run: a command is missing")
            return Self.badStatus
        }
        do throws(Refusal) {
            let mount = try MountChoice.choose(directory)
            let library = try PreloadLibrary.find()
            let surroundings = try PreloadEnvironment(
                mount: mount, mappedMajor: try Self.mappedMajor(mount), library: library,
                reasons: try reasons.map { (path) throws(Refusal) in
                    try MountChoice.absolute(path)
                },
                wrappers: Wrappers(
                    library: library,
                    program: BackingPaths.readLink(ByteString("/proc/self/exe"))),
                lvmDirectory: Self.lvmDirectory(mount))
            // Before: the command is found by its PATH.
            surroundings.apply()
            guard let program = ProgramFile.find(name) else {
                console.report("dmfuse: run: \(name.string): command not found")
                return 127
            }
            if let hindrance = ProgramFile(program).hindrance() {
                console.report("dmfuse: run: \(name.string): \(hindrance)")
                return 126
            }
            let failure = SystemCalls.execute(program, command)
            console.report("dmfuse: run: \(name.string): \(SystemCalls.text(failure))")
            return 126
        } catch {
            console.report("dmfuse: run: \(error.clause)")
            return Self.badStatus
        }
    }

    /// Where the daemon of the user has its socket. Nil: lvm needs none, or was given one.
    private static func lvmDirectory(_ mount: MountDirectory) -> ByteString? {
        let lvm = LVMDirectory()
        guard SystemCalls.environment(LVMDirectory.variable) == nil, lvm.isNeeded,
            let socket = BackingPaths.readLink(mount.nodePath("control")),
            let slash = socket.bytes.lastIndex(of: UInt8(ascii: "/"))
        else { return nil }
        return lvm.prepare(in: ByteString(socket.bytes[..<slash]))
    }

    /// Asks the daemon, and so finds out whether it answers us.
    private static func mappedMajor(_ mount: MountDirectory) throws(Refusal) -> UInt32 {
        do throws(DMError) {
            return try ControlClient(mount: mount.path, deviceDirectory: "/dev").mappedMajor
        } catch {
            throw Refusal(
                "\(mount.path.string): \(SystemCalls.text(error.errno))",
                advice: mount.advice(after: error.errno))
        }
    }
}

extension Refusal {
    fileprivate init(_ line: String, advice: String) {
        self.init([line], reason: advice)
    }
}
