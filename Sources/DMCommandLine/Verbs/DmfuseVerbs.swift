import ArgumentParser
import DeviceMapper

/// dmfuse's own verbs, help and completion scripts. Everything else on a command line is dmsetup's
/// grammar (see `Getopt`).
struct DmfuseVerbs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dmfuse",
        abstract: "Linux device-mapper in userspace.",
        discussion: """
            Mount a directory, create mapped devices with dmsetup's table lines, and each is a \
            file there:

              dmfuse mount DIR
              dmfuse create NAME --table '0 2048 linear FILE 0'
              dd if=DIR/mapper/NAME ...
              dmfuse unmount DIR

            dmfuse run starts your own dmsetup, kpartx or lvm for it.

            All other commands, their options and output are dmsetup's (see dmsetup(8)):

              create, load, reload, resume, suspend, clear, wipe_table, rename,
              remove, remove_all, info, table, status, deps, ls, message, wait,
              targets, target-version, version, mknodes, mangle, setgeometry,
              splitname

            and of our own: table --paths, which shows backing files by their paths, and trace, \
            which prints the life of devices (see mount --trace).

            The mount is named by --dir DIR, or by DM_DEV_DIR, or is your only one. Called through \
            a link named dmsetup, this is dmsetup, line by line.
            """,
        version: "dmfuse \(VersionCommand.program)",
        subcommands: [MountVerb.self, UnmountVerb.self, TraceVerb.self, RunVerb.self])

    /// Whether a command line is ours to parse, by its first word.
    static func claims(_ word: ByteString) -> Bool {
        let verbs: [ByteString] = [
            "mount", "unmount", "trace", "run", "help", "-h", "--help", "--version",
        ]
        return verbs.contains(word) || word.hasPrefix("--generate-completion-script")
            || word.hasPrefix("--experimental-dump-help")
    }

    /// Runs it; gives the exit status. A refusal is one line.
    static func run(_ words: [ByteString], console: Console) -> Int32 {
        do {
            var command = try parseAsRoot(words.map(ParserText.encode))
            switch command {
            case let mount as MountVerb: return mount.execute(console)
            case let unmount as UnmountVerb: return unmount.execute(console)
            case let trace as TraceVerb: return trace.execute(console)
            case let run as RunVerb: return run.execute(words, console)
            default: try command.run()  // help, which it throws
            }
            return 0
        } catch {
            if exitCode(for: error) == .success {
                console.printLine(fullMessage(for: error))
                return 0
            }
            let verb = words.first ?? .empty
            let place: ByteString = verb.isEmpty ? "" : "\(verb): "
            let message = ParserText.decode(message(for: error))
            console.report(ByteString("dmfuse: \(place)\(message)").bytes)
            return verb == "run" ? RunVerb.badStatus : 1
        }
    }
}
