import CFuse
package import DeviceMapper
import Glibc
package import SystemPackage
import Synchronization

/// What a session is made with.
package struct SessionConfiguration: Sendable {
    /// Threads that receive requests. Each may do backing I/O itself; none waits for a suspended
    /// device.
    package var threads = 4
    /// Where `mapper/control` leads.
    package var controlSocket: ByteString

    package init(controlSocket: ByteString) { self.controlSocket = controlSocket }
}

/// Serves a mount: a few threads that answer the kernel out of a registry.
///
/// It ends when the file system is unmounted and no file of it open, when the connection is aborted,
/// or by `stop`. Then every file that the kernel still had open is closed, and what suspended devices
/// held is given up; `waitUntilEnded` returns after that.
package final class Session: @unchecked Sendable {
    // @unchecked: `fuse` and `mount` are set in `init` and cleared at the end, when no other thread of
    // the session is left, `receivers` before the threads start; the mutable rest is guarded by `lock`.

    let registry: DeviceRegistry
    let tree: Tree
    let files = Handles<DeviceHandle>()
    let directories = Handles<DirectoryStream>()
    let texts = Handles<TextFile>()
    /// Of `directories` and `texts`.
    let listings = KeptMemory()
    let requests = FileRequestPool()
    let pages: KernelPages
    let ownFiles: OwnFiles
    let bufferDrops = BufferDrops()

    private let threadCount: Int
    /// Set in `start`, before the threads that use one each.
    private var receivers: [Receiver] = []
    /// Nil after the end.
    private var fuse: OpaquePointer?
    /// Both until the end. The descriptor is libfuse's.
    private var mount: Mount?
    private let descriptor: Int32

    private enum Phase { case starting, serving, ended }

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "Session.lock")
    private let changed = Condition()
    private var phase = Phase.starting
    private var failure: Errno?
    /// The threads that serve, each with what it has of its own.
    private var serving: [(thread: pthread_t, receiver: Receiver)] = []
    private var threadsToEnd = 0
    /// Looked at between requests.
    private let isStopping = Atomic<Bool>(false)

    /// ENOMEM, EMFILE.
    package init(
        registry: DeviceRegistry, mount: Mount, configuration: SessionConfiguration
    ) throws(DMError) {
        self.registry = registry
        threadCount = max(configuration.threads, 1)
        tree = Tree(
            registry: registry, owner: Owner(user: getuid(), group: getgid()),
            controlSocket: configuration.controlSocket, mountNumber: mount.number)
        ownFiles = OwnFiles(of: mount)
        pages = KernelPages(descriptor: try mount.duplicateDescriptor(), files: ownFiles)
        do {
            descriptor = try mount.duplicateDescriptor()
        } catch {
            pages.end()
            throw error
        }
        var operations = Session.operations
        fuse = cfuse_session_new(
            &operations, Unmanaged.passUnretained(self).toOpaque(), descriptor)
        if fuse == nil {
            let error = DMError(Errno(rawValue: errno), "no FUSE session")
            pages.end()
            throw error
        }
        self.mount = mount
        registry.attach(pages)
    }

    deinit {
        pages.end()
        if let fuse { cfuse_session_free(fuse) }
    }

    // MARK: Beginning

    /// Starts the threads. They keep the session alive until it has ended. EAGAIN: no thread. ENOMEM.
    package func start() throws(DMError) {
        IdleMemory.shared.add(requests)
        do {
            receivers = try makeReceivers()
            try Thread.start("dmfuse-intr") { [self] in requests.cancelInterrupted() }
        } catch {
            end()
            throw error
        }
        lock.withLock { threadsToEnd = threadCount }
        registry.attach(closeReports: self)
        for index in 0..<threadCount {
            do {
                try Thread.start("dmfuse-fuse-\(index)", .filesystem) { [self] in
                    serve(receivers[index])
                }
            } catch {
                giveUp(threadCount - index)
                throw error
            }
        }
    }

    /// One for each thread, with its buffers, before the kernel is answered.
    private func makeReceivers() throws(DMError) -> [Receiver] {
        var receivers: [Receiver] = []
        guard let fuse else { preconditionFailure("a session was started after its end") }
        for _ in 0..<threadCount {
            guard let receiver = Receiver(fuse: fuse) else {
                throw DMError(.noMemory, "no memory is left for requests")
            }
            receivers.append(receiver)
        }
        return receivers
    }

    /// So many threads could not be started.
    private func giveUp(_ missing: Int) {
        let isNoneLeft = lock.withLock { () -> Bool in
            threadsToEnd -= missing
            return threadsToEnd == 0
        }
        if isNoneLeft { end() } else { stop() }
    }

    /// Waits until the kernel has been answered: from then on the mount can be used. Throws when it
    /// ends before: EPROTO and the like.
    package func waitUntilServing() throws(DMError) {
        let (hasEnded, failure) = lock.withLock { () -> (Bool, Errno?) in
            while phase == .starting { changed.wait(lock) }
            return (phase == .ended, self.failure)
        }
        if hasEnded {
            throw DMError(failure ?? .operationNotSupportedByDevice, "the FUSE session ended")
        }
    }

    /// INIT was answered, or is about to be.
    func noteServing() {
        lock.withLock {
            if phase == .starting { phase = .serving }
            changed.broadcast()
        }
    }

    // MARK: Ending

    /// Ends the session whatever the mount's state. To end it cleanly, unmount instead, or before.
    ///
    /// Any thread but the session's own. Doesn't wait.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        lock.withLock { wakeAll() }
    }

    /// Waits until the threads are gone, the connection is ended, all files closed and all requests given
    /// up. Nil, or why it ended.
    @discardableResult
    package func waitUntilEnded() -> Errno? {
        while true {
            let (hasEnded, failure) = lock.withLock { () -> (Bool, Errno?) in
                if phase != .ended { waitForChange() }
                return (phase == .ended, self.failure)
            }
            if hasEnded { return failure }
            // What is held keeps pages from being dropped, and that keeps the threads.
            if isStopping.load(ordering: .sequentiallyConsistent), pages.isBusy {
                requests.cancelAll()
            }
        }
    }

    /// Under `lock`. Bounded when stopping: a wake-up that comes just before a thread's read is lost,
    /// and must be repeated.
    private func waitForChange() {
        guard isStopping.load(ordering: .sequentiallyConsistent) else { return changed.wait(lock) }
        wakeAll()
        _ = changed.wait(lock, until: Deadline(millisecondsFromNow: 20))
    }

    /// Under `lock`, in which they come and go, so that none of these threads is gone.
    private func wakeAll() {
        for one in serving { cfuse_thread_wake(one.thread) }
    }

    // MARK: Threads

    private func serve(_ receiver: Receiver) {
        let thread = pthread_self()
        let allowed = cfuse_thread_allow_wake()
        var error = allowed == 0 ? nil : Errno(rawValue: -allowed)
        lock.withLock { serving.append((thread, receiver)) }
        if error == nil {
            // A drop of pages waits for requests on them, which nobody else would answer.
            error = receiver.run { isStopping.load(ordering: .relaxed) && pages.endIfIdle() }
        }
        // One that ends takes the others with it, whatever the reason.
        isStopping.store(true, ordering: .sequentiallyConsistent)
        let isLast = lock.withLock { () -> Bool in
            serving.removeAll { $0.thread == thread }
            threadsToEnd -= 1
            if failure == nil { failure = error }
            wakeAll()
            changed.broadcast()
            return threadsToEnd == 0
        }
        if isLast { end() }
    }

    /// On the last thread: no request comes any more.
    private func end() {
        registry.attach(nil)
        registry.attach(closeReports: nil)
        pages.end()
        // What a notification keeps back that hasn't ended, as when the connection was ended by others.
        pages.sizes.end()
        requests.endWaiting()
        // What is answered at once still reaches its client. The rest may be waiting for ourselves: for
        // a backing file on a file system on a device of ours, whose requests nobody takes any more.
        // They fail with the connection, and so what waits for them ends.
        requests.drain(until: Deadline(millisecondsFromNow: Session.lastAnswers))
        mount?.cut(fuse == nil ? nil : descriptor)
        mount = nil
        requests.drain()
        IdleMemory.shared.remove(requests)
        for file in files.removeAll() { file.close() }
        _ = directories.removeAll()
        _ = texts.removeAll()
        if let fuse { cfuse_session_free(fuse) }
        fuse = nil
        lock.withLock {
            phase = .ended
            changed.broadcast()
        }
    }

    /// Milliseconds.
    private static let lastAnswers: UInt32 = 1000
}

// MARK: Closes

/// The kernel queues the RELEASE of a last close before close(2) returns, though we may take it later.
/// So whatever was closed is known when the queue was empty and each thread has seen to what it took.
extension Session: CloseReports {
    package func awaitCloses(until deadline: Deadline, or isOver: () -> Bool) -> Bool {
        var pauses = 0
        while pages.hasRequest {
            if deadline.hasPassed { return false }
            usleep(Session.pause)
            // A busy mount's queue may never be empty.
            pauses += 1
            if pauses % Session.pausesForALook == 0, isOver() { return true }
        }
        return lock.withLock { serving.map(\.receiver) }.allSatisfy { receiver in
            receiver.finishCloses(until: deadline) { wake(receiver) }
        }
    }

    package func isServing(_ openers: [ObjectIdentifier]) -> Bool { requests.isServing(openers) }

    /// Makes a thread's receiving end. Under the lock in which they come and go, so that it isn't gone.
    private func wake(_ receiver: Receiver) {
        lock.withLock {
            for one in serving where one.receiver === receiver {
                cfuse_thread_wake(one.thread)
            }
        }
    }

    /// Microseconds.
    private static let pause: UInt32 = 100
    /// A look takes dm_sem.
    private static let pausesForALook = 10
}
