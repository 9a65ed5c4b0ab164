import DMTestSupport
import DeviceMapper
import Glibc

/// Commands in processes of their own.
///
/// Nothing in these tests touches the mount from this process: should its daemon, which is this
/// process, crash while one of its threads waits for an answer, neither could end.
enum Shell {
    struct Outcome: Equatable {
        var status: Int32
        var output: String
    }

    /// Runs a script of sh to its end. Output: of both streams, without the last newline.
    static func run(_ script: String) -> Outcome { Running(script).wait() }

    /// A script that runs beside the test.
    final class Running {
        private var process: pid_t = -1
        private var pipe: [Int32] = [-1, -1]

        init(_ script: String) {
            guard Glibc.pipe(&pipe) == 0 else { return }
            for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
            posix_spawn_file_actions_adddup2(&actions, pipe[1], 2)
            let arguments: [String] = ["sh", "-c", script]
            var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
            words.append(nil)
            defer { for word in words { free(word) } }
            // The runner of the tests blocks signals, without which sh can't wait.
            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            var none = sigset_t()
            sigemptyset(&none)
            posix_spawnattr_setsigmask(&attributes, &none)
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
            if posix_spawnp(&process, "sh", &actions, &attributes, &words, environ) != 0 {
                process = -1
            }
            close(pipe[1])
        }

        /// Looks, without waiting. What it wrote must fit into a pipe.
        var hasEnded: Bool {
            guard process > 0 else { return true }
            var info = siginfo_t()
            let code = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
            return code == 0 && info.si_signo != 0
        }

        /// Until it has ended and closed its output, at most for so long as anything may take: then it is killed.
        func wait() -> Outcome {
            guard process > 0 else { return Outcome(status: -1, output: "sh could not be run") }
            var output: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                var ready = pollfd(fd: pipe[0], events: Int16(POLLIN), revents: 0)
                if poll(&ready, 1, Int32(patience)) == 0 {
                    kill(process, SIGKILL)
                    output += Array("(not ended in time)".utf8)
                    break
                }
                let count = read(pipe[0], &piece, piece.count)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { break }
                output += piece[..<count]
            }
            close(pipe[0])
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
            process = -1
            if output.last == UInt8(ascii: "\n") { output.removeLast() }
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            return Outcome(status: code, output: String(decoding: output, as: UTF8.self))
        }
    }
}
