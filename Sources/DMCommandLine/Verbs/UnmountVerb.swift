import ArgumentParser
import DMControl
import DMFilesystem
import DeviceMapper
import Glibc
import SystemPackage

/// `dmfuse unmount [DIR]`.
struct UnmountVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount", abstract: "Unmount a directory and end its daemon.",
        discussion: """
            Returns when everything is written to the backing files and the mount is gone. Devices \
            that are open make it fail, unless forced: then what suspended devices hold fails, and \
            open files are cut off.
            """)

    @Argument(help: "The directory. By default your only mount.", completion: .directory)
    var directory: ByteString?

    @Flag(help: "Even if devices are open.")
    var force = false

    /// Seconds that a daemon may take to write everything back.
    private static let patience: UInt32 = 300

    func execute(_ console: Console) -> Int32 {
        let mount: MountDirectory
        do throws(Refusal) {
            mount = try MountChoice.choose(directory)
        } catch {
            console.report("dmfuse: unmount: \(error.clause)")
            return 1
        }
        guard let line = unmount(mount, console) else { return 0 }
        console.report("dmfuse: unmount \(mount.path.string): \(line)")
        return 1
    }

    /// Nil, or why not.
    private func unmount(_ mount: MountDirectory, _ console: Console) -> String? {
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
    private func watch(_ path: ByteString, _ console: Console) throws(DMError) {
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
    private func isOfDaemon(_ errno: Errno) -> Bool {
        errno == .socketNotConnected || errno == .connectionAbort || errno == .connectionRefused
    }

    /// Takes a dead daemon's mount away.
    private func clean(_ mount: MountDirectory, _ error: DMError) -> String? {
        do throws(DMError) {
            return try DeadMount.remove(at: mount.path) ? nil : mount.line(of: error)
        } catch {
            return "its daemon is gone, and the mount can't be removed: \(error.message)"
        }
    }
}
