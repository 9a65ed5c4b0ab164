import CFuse
package import DeviceMapper
import Glibc
import Synchronization
import SystemPackage

/// How a directory is mounted on.
package struct MountOptions: Sendable {
    /// Users other than the mounting one may enter; so may root then, who otherwise may not enter
    /// the mount of an ordinary user.
    package var allowOther = false
    /// The mount goes away with the daemon, even if that is killed. Needs fusermount3.
    package var autoUnmount = false
    /// Directories that the mount must not cover: absolute paths without symbolic links.
    package var uncovered: [ByteString] = []

    package init() {}
}

/// A directory that shows our file system, and the /dev/fuse descriptor that serves it.
///
/// Apart from `Session`, which serves: a daemon that takes over gets its descriptor elsewhere. The
/// kernel ends the connection when the last descriptor of it is closed; then waiting clients get
/// an error.
package final class Mount: @unchecked Sendable {
    // @unchecked: `keeper` is guarded by `lock`; the rest is constant or atomic.

    /// Where it was mounted: absolute, without symbolic links, as the kernel lists it.
    package let directory: ByteString
    /// The `st_dev` of everything in the mount.
    package let device: UInt64

    /// What we are mounted on.
    let place: HeldDirectory
    /// The mount's own number (`cfuse_place.unique_mount`), 0: not known.
    let uniqueMount: UInt64
    private let descriptor: Int32
    /// What a descriptor leads to that is cut.
    private let nothing: Int32
    private let isCut = Atomic<Bool>(false)

    /// Guards `keeper`. Leaf.
    private let lock = Lock(rank: .leaf, name: "Mount.lock")
    /// The helper that unmounts after our end (auto-unmount).
    private var keeper: cfuse_mount

    /// Mounts at an existing directory: with mount(2) where that is permitted, else through
    /// fusermount3. It is opened once, and held: what is looked at is what is mounted on. The mount of
    /// a dead daemon that is found there is removed first.
    ///
    /// ENOENT, ENOTDIR, EACCES of the path; EINVAL: it would cover what the options keep free; EBUSY: a
    /// daemon serves it already, or was faster, or doesn't answer; EPERM: mounting is refused, in the
    /// words of fusermount3.
    package init(at path: ByteString, options: MountOptions = MountOptions()) throws(DMError) {
        let place = try DeadMount.clear(path)
        try Mount.check(place.path, leaves: options.uncovered)
        nothing = cfuse_open_nothing()
        guard nothing >= 0 else { throw DMError(Errno(rawValue: -nothing), "/dev/null") }
        var mount = cfuse_mount()
        var wanted = cfuse_mount_options(
            allow_other: options.allowOther, auto_unmount: options.autoUnmount)
        do throws(DMError) {
            try CFuseReason.check(place.path) { text, reason, size in
                cfuse_mount_at(place.descriptor, text, &wanted, &mount, reason, size)
            }
        } catch {
            close(nothing)
            throw error
        }
        self.place = place
        directory = place.path
        descriptor = mount.fd
        keeper = mount
        let device = Mount.device(of: mount.fd, place)
        self.device = device
        uniqueMount = place.place.flatMap { $0.device == device ? $0.unique_mount : nil } ?? 0
        // From here on the deinit runs.
        do throws(DMError) {
            guard try isSecond() else { return }
        } catch {
            takeBack()
            throw error
        }
        takeBack()
        throw DMError(.resourceBusy, "\(directory.string): a dmfuse daemon serves it already")
    }

    /// Unmounts what was mounted just now; where the list of mounts can't be read, what stands at its
    /// place.
    private func takeBack() {
        do throws(DMError) {
            try unmount(detach: true)
        } catch {
            guard let here = place.place, here.device == device else { return }
            try? place.unmount(here, path: directory, detach: true)
        }
    }

    deinit {
        close(descriptor)
        close(nothing)
        if keeper.keeper >= 0 { close(keeper.keeper) }
    }

    /// Below the mount we would be asked for it before we can answer: nobody could help us then.
    private static func check(
        _ directory: ByteString, leaves uncovered: [ByteString]
    ) throws(DMError) {
        let slash = UInt8(ascii: "/")
        let front = directory.bytes.last == slash ? directory.bytes : directory.bytes + [slash]
        for path in uncovered where (path.bytes + [slash]).starts(with: front) {
            throw DMError(
                .invalidArgument,
                "\(directory.string): it would cover \(path.string), which the daemon needs")
        }
    }

    /// Whether our mount lies on another dmfuse mount, which wasn't there when we looked: of two at
    /// once the first one stays.
    private func isSecond() throws(DMError) -> Bool {
        let entries = try MountTable.read()
        guard let own = entries.last(where: { $0.number == number }) else { return false }
        return entries.contains {
            $0.id == own.parent && $0.isOurs && $0.directory == own.directory
        }
    }

    /// Linux 6.18 tells which file system a descriptor serves. Before, it is what stands there now.
    private static func device(of descriptor: Int32, _ place: HeldDirectory) -> UInt64 {
        var device: UInt64 = 0
        if cfuse_connection_of(descriptor, &device) == 0 { return device }
        return place.place?.device ?? 0
    }

    /// As /proc/self/mountinfo has it.
    var number: DeviceNumber { DeviceNumber(statDevice: device) }

    /// A descriptor for a session to serve and to close. EMFILE.
    func duplicateDescriptor() throws(DMError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        if copy < 0 { throw DMError(Errno(rawValue: errno), "/dev/fuse") }
        return copy
    }

    // MARK: The end

    /// Ends the connection as far as it is held by this object, and by `copy`, which is not to be
    /// closed meanwhile: whoever waits for an answer then gets an error. Replies to come are lost.
    func cut(_ copy: Int32?) {
        if let copy { cfuse_cut(copy, nothing) }
        isCut.store(true, ordering: .sequentiallyConsistent)
        cfuse_cut(descriptor, nothing)
    }

    /// Whether the file system is still there, so that `device` is its number and nobody else's.
    var isConnected: Bool {
        let isConnected = cfuse_is_connected(descriptor)
        return isConnected && !isCut.load(ordering: .sequentiallyConsistent)
    }

    /// Nothing is left for the helper to unmount. It would look for a path, at which by then somebody
    /// else's mount may be.
    func releaseKeeper() { lock.withLock { cfuse_release_keeper(&keeper) } }
}
