import Glibc

/// A thread of our own, with a name that `ps -T` shows.
package enum Thread {
    /// Starts a detached thread of that kind. All signals are blocked in it: they are for the
    /// thread that waits for them. EAGAIN: the system has no thread left; `body` is then not run.
    package static func start(
        _ name: String, _ kind: ThreadKind = .other, _ body: @escaping @Sendable () -> Void
    ) throws(DMError) {
        #if DEBUG
            if let thread = Seam.current { return thread.start(name) { kind.run(body) } }
        #endif
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackSize)

        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        let start = Unmanaged.passRetained(ThreadStart(name: name, kind: kind, body: body))
        var thread = pthread_t()
        guard pthread_create(&thread, &attributes, threadMain, start.toOpaque()) == 0 else {
            start.release()
            throw DMError(.resourceTemporarilyUnavailable, "no thread can be started")
        }
    }

    /// Stacks of devices are bounded (`Limits.stackedDevices`), so a request needs little of this.
    static let stackSize = 512 << 10

    /// Whether so many more threads can be had at this moment: starts them, and lets them end. EAGAIN.
    package static func check(_ count: Int) throws(DMError) {
        let crowd = ThreadCrowd()
        defer { crowd.disperse() }
        for _ in 0..<count {
            try start("dmfuse-check") { crowd.stand() }
            crowd.noteStarted()
        }
    }
}

/// Threads that stand until all may go.
private final class ThreadCrowd: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "ThreadCrowd.lock")
    private let changed = Condition()
    private var standing = 0
    private var mayGo = false

    func noteStarted() { lock.withLock { standing += 1 } }

    func stand() {
        lock.withLock {
            while !mayGo { changed.wait(lock) }
            standing -= 1
            changed.broadcast()
        }
    }

    func disperse() {
        lock.withLock {
            mayGo = true
            changed.broadcast()
            while standing > 0 { changed.wait(lock) }
        }
    }
}

private final class ThreadStart {
    let name: String
    let kind: ThreadKind
    let body: @Sendable () -> Void

    init(name: String, kind: ThreadKind, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.kind = kind
        self.body = body
    }
}

@c private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    setName(start.name)
    start.kind.run(start.body)
    return nil
}

/// Names the calling thread through /proc: glibc's function for it is not imported. A thread
/// without a name is no harm.
private func setName(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = write(file, name, min(name.utf8.count, 15))
    close(file)
}
