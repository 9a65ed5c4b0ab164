import DMControl
import DMFilesystem
import DeviceMapper
import Glibc
import SystemPackage

/// `dmfuse unmount [DIR]`.
enum UnmountVerb {
    static let verb = Verb(
        name: "unmount", aliases: ["umount"],
        page: CommandPage(
            usage: ["[DIR]"], summary: "unmount a directory and end its daemon",
            details: """
                Returns when everything is written to the backing files and the mount is gone. Devices \
                that are open make it fail, unless forced: then what suspended devices hold fails, and \
                open files are cut off.
                """,
            options: [.force], example: "dmfuse unmount dm", words: .directory),
        leastWords: 0, mostWords: 1, run: run)

    /// Seconds that a daemon may take to write everything back.
    private static let patience: UInt32 = 300

    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        let mount = try MountChoice.choose(try options.directory())
        if let line = unmount(mount, force: options.has(.force), console) {
            throw Refusal(line, about: mount.path)
        }
        return 0
    }

    /// Nil, or why not.
    private static func unmount(
        _ mount: MountDirectory, force: Bool, _ console: Console
    ) -> String? {
        let path = mount.path
        do throws(DMError) {
            let client = try ControlClient(mount: path, deviceDirectory: "/dev")
            try watch(path, console)
            try client.unmount(force: force)
            return nil
        } catch {
            return isOfDaemon(error.errno) ? clean(mount, error) : mount.line(of: error)
        }
    }

    /// Gives up after a while: the reply to an unmount comes when everything is written back, and a
    /// backing file's server may be gone.
    private static func watch(_ path: ByteString, _ console: Console) throws(DMError) {
        nonisolated(unsafe) let console = console
        try Thread.start("dmfuse-patience") {
            SystemCalls.sleep(Self.patience * 1000)
            console.report(
                "dmfuse: unmount \(path.string): the daemon still writes back after "
                    + "\(Self.patience) s")
            _exit(1)
        }
    }

    /// Perhaps the mount is there, and nobody behind it.
    private static func isOfDaemon(_ errno: Errno) -> Bool {
        errno == .socketNotConnected || errno == .connectionAbort || errno == .connectionRefused
    }

    /// Takes a dead daemon's mount away.
    private static func clean(_ mount: MountDirectory, _ error: DMError) -> String? {
        do throws(DMError) {
            return try DeadMount.remove(at: mount.path) ? nil : mount.line(of: error)
        } catch {
            return "its daemon is gone, and the mount can't be removed: \(error.message)"
        }
    }
}
