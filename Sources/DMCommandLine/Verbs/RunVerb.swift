import DMControl
import DeviceMapper
import SystemPackage

/// `dmfuse run COMMAND...`.
enum RunVerb {
    static let verb = Verb(
        name: "run",
        page: CommandPage(
            usage: ["[--] COMMAND [ARGUMENT]..."],
            summary: "run a command for which the mount is the machine's device-mapper",
            details: """
                The command, and what it starts, find the mount's devices below /dev/mapper and in \
                DM_DEV_DIR, as block devices, and reach the daemon as if it were the kernel's \
                device-mapper: dmsetup, kpartx, lvm and scripts run as they are. Our own options stand \
                before the command.

                The exit status is the command's; 127: there is no such command; 126: it can't be run \
                so; 125: there is no mount, or something is wrong with the command line.
                """,
            options: [.reasons], example: "dmfuse run -- dmsetup ls --tree", words: .command,
            optionsStandFirst: true),
        leastWords: 0, mostWords: nil, stopsAtWord: true, refusalStatus: 125, run: run)

    /// Returns only if the command can't be run.
    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        let command = options.words
        guard let name = command.first else { throw Refusal("a command is missing") }
        let mount = try MountChoice.choose(options.value(of: .directory))
        let library = try PreloadLibrary.find()
        let surroundings = try PreloadEnvironment(
            mount: mount, mappedMajor: try mappedMajor(mount), library: library,
            reasons: try options.value(of: .reasons).map { (path) throws(Refusal) in
                try MountChoice.absolute(path)
            },
            wrappers: Wrappers(
                library: library, program: BackingPaths.readLink(ByteString("/proc/self/exe"))),
            lvmDirectory: lvmDirectory(mount))
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
