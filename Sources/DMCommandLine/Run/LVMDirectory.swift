import DeviceMapper
import Glibc

/// A system directory of lvm for a user who may not write to the machine's: locks, backups and
/// archives of metadata are kept in it instead of /run/lock/lvm and /etc/lvm. `lvm.conf` and the
/// profiles in it are links to the machine's.
struct LVMDirectory {
    /// The machine's. Tests put others in.
    var machine = ByteString("/etc/lvm")

    static let variable = "LVM_SYSTEM_DIR"

    /// Whether the machine's won't do: lvm is there, and its system directory is somebody else's to write.
    var isNeeded: Bool {
        (try? SystemCalls.status(of: machine)) != nil
            && machine.withCString { access($0, W_OK) } != 0
    }

    /// Makes it in a directory that is the user's alone, or brings it up to date. Nil: that can't be; lvm
    /// then says which file it may not open.
    func prepare(in directory: ByteString) -> ByteString? {
        let path: ByteString = "\(directory)/lvm"
        for made in [path, "\(path)/lock"] {
            guard made.withCString({ mkdir($0, 0o700) }) == 0 || errno == EEXIST else { return nil }
        }
        for name in ["lvm.conf", "profile"] as [ByteString] {
            let wanted: ByteString = "\(machine)/\(name)"
            let link: ByteString = "\(path)/\(name)"
            guard BackingPaths.readLink(link) != wanted else { continue }
            let isMade = replace(link) { temporary in
                wanted.withCString { target in
                    temporary.withCString { symlink(target, $0) } == 0
                }
            }
            guard isMade else { return nil }
        }
        let local: ByteString = "\(path)/lvmlocal.conf"
        let text = settings(for: path)
        if let there = try? SystemCalls.contents(of: local), there == text { return path }
        let isWritten = replace(local) { temporary in
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
            let descriptor = temporary.withCString { open($0, flags, 0o600) }
            guard descriptor >= 0 else { return false }
            SystemCalls.write(text, to: descriptor)
            return close(descriptor) == 0
        }
        return isWritten ? path : nil
    }

    /// The machine's local settings, and behind them what can't be done without its rights: where it
    /// locks; that it keeps no list of devices in /run/lvm, raises no priority and no read-ahead, and locks
    /// none of its memory.
    private func settings(for path: ByteString) -> [UInt8] {
        let machines = (try? SystemCalls.contents(of: "\(machine)/lvmlocal.conf")) ?? []
        let quoted = ByteString(
            path.bytes.flatMap { byte in
                [UInt8(ascii: "\\"), UInt8(ascii: "\"")].contains(byte)
                    ? [UInt8(ascii: "\\"), byte] : [byte]
            })
        let own: ByteString = """

            # By dmfuse run: the machine's settings stand above.
            global/locking_dir = "\(quoted)/lock"
            devices/hints = "none"
            activation/process_priority = 0
            activation/readahead = "none"
            activation/mlock_filter = [ " " ]

            """
        return machines + own.bytes
    }

    /// Makes something under a name of this process's and then gives it its own, so that other
    /// processes find the one or the other.
    private func replace(_ path: ByteString, by make: (ByteString) -> Bool) -> Bool {
        let temporary: ByteString = "\(path).\(getpid())"
        temporary.withCString { _ = unlink($0) }
        guard make(temporary) else { return false }
        return temporary.withCString { from in path.withCString { rename(from, $0) } } == 0
    }
}
