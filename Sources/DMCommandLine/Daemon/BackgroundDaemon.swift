import DeviceMapper
import Glibc
import SystemPackage

/// Starts the daemon as a program of its own: in a session of its own, at /, with nothing of ours
/// open but the pipe. A fork of this process would copy its threads' locks, but not its threads.
enum BackgroundDaemon {
    /// The descriptor of the pipe in the daemon.
    static let readyDescriptor: CInt = 3

    /// Starts this program with `words` and waits until it says that it is ready. Nil, or why not.
    static func start(_ words: [ByteString]) -> String? {
        var pipe: [CInt] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else { return SystemCalls.text(Errno(rawValue: errno)) }
        defer { close(pipe[0]) }
        let failure = spawn(words, pipe[1])
        close(pipe[1])
        if let failure { return SystemCalls.text(failure) }
        return Readiness.wait(on: pipe[0])
    }

    private static func spawn(_ words: [ByteString], _ writeEnd: CInt) -> Errno? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // dup2 of a descriptor to itself would keep it, but only without close-on-exec.
        posix_spawn_file_actions_adddup2(&actions, writeEnd, readyDescriptor)
        for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0)
        }
        let failure = SystemCalls.withWords(words) { arguments in
            var child = pid_t()
            return posix_spawn(&child, "/proc/self/exe", &actions, nil, arguments, environ)
        }
        return failure == 0 ? nil : Errno(rawValue: failure)
    }

    /// In the daemon, before anything else: leaves the session, the directory and the descriptors
    /// of whoever started it. (posix_spawn could do it; the functions for it are GNU's and not
    /// imported.)
    static func detach() {
        setsid()
        // Not "exe", as which it was started.
        if let name = try? FileDescriptor.open("/proc/self/comm", .writeOnly) {
            _ = try? name.closeAfter { try name.writeAll("dmfuse".utf8) }
        }
        chdir("/")
        // Programs that the daemon starts must not hold the pipe open: fusermount3 stays, to
        // unmount after us.
        _ = fcntl(readyDescriptor, F_SETFD, FD_CLOEXEC)
        for name in DirectoryNames.read(ByteString("/proc/self/fd")) {
            // The list held itself open while it was read: that one is closed already.
            if let descriptor: CInt = Digits.number(name.bytes), descriptor > readyDescriptor {
                close(descriptor)
            }
        }
    }
}
