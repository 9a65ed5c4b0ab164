package import DeviceMapper
import Glibc

/// Whether anybody answers for a FUSE file system, found out in bounded time.
package enum Liveness: Sendable {
    case alive
    /// Its daemon is gone, or the connection was ended.
    case dead
    /// No answer came in time: the daemon is stopped, stuck or slow.
    case silent
    /// Somebody answers, but not us: another user's, which may have our number where a user namespace
    /// was entered after it was mounted.
    case foreign

    /// Asks all of them at once, and waits at most so long. A thread that gets no answer is left
    /// behind: it ends with the answer, or with this process.
    package static func look(at directories: [ByteString], milliseconds: UInt32) -> [Liveness] {
        let answers = LivenessAnswers(directories.count)
        for (index, directory) in directories.enumerated() {
            do throws(DMError) {
                try Thread.start("dmfuse-look") { answers.note(index, ask(directory)) }
            } catch {
                // Better than to wait for ever.
                answers.note(index, .silent)
            }
        }
        return answers.wait(milliseconds: milliseconds)
    }

    /// May block. The kernel answers ENOTCONN (ECONNABORTED: after an abort) for a connection without
    /// a daemon. It may know attributes from before, so stat(2) proves nothing: statvfs(3) is never
    /// cached.
    private static func ask(_ directory: ByteString) -> Liveness {
        directory.withCString { text in
            var status = statvfs()
            guard statvfs(text, &status) != 0 else {
                // The kernel's own answer to those whom FUSE keeps out.
                return access(text, X_OK) != 0 && errno == EACCES ? .foreign : .alive
            }
            let code = errno
            return code == ENOTCONN || code == ECONNABORTED ? .dead : .alive
        }
    }
}

private final class LivenessAnswers: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "LivenessAnswers.lock")
    private let changed = Condition()
    private var answers: [Liveness]
    private var missing: Int

    init(_ count: Int) {
        answers = Array(repeating: .silent, count: count)
        missing = count
    }

    func note(_ index: Int, _ answer: Liveness) {
        lock.withLock {
            answers[index] = answer
            missing -= 1
            changed.broadcast()
        }
    }

    func wait(milliseconds: UInt32) -> [Liveness] {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        return lock.withLock {
            while missing > 0, changed.wait(lock, until: deadline) {}
            return answers
        }
    }
}
