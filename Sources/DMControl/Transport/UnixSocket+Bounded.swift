import DeviceMapper
import Glibc
import SystemPackage

/// Connecting in bounded time. The path to a socket leads through the mount, whose daemon may be stopped:
/// then neither the kernel's look-up nor connect(2) ends.
extension UnixSocket {
    /// As `connect(to:)`. ETIMEDOUT: no answer in time. The thread that waits for one is then left
    /// behind: it ends with the answer, or with this process.
    static func connect(to path: String, milliseconds: UInt32) throws(DMError) -> UnixSocket {
        let attempt = ConnectAttempt()
        do throws(DMError) {
            try Thread.start("dmfuse-connect") { attempt.run(path) }
        } catch {
            // No thread is to be had: better unbounded than not at all.
            attempt.run(path)
        }
        switch attempt.wait(milliseconds: milliseconds) {
        case .success(let descriptor): return UnixSocket(adopting: descriptor)
        case .failure(let error): throw error
        case nil: throw DMError(.timedOut, path)
        }
    }

    /// The descriptor, which is the caller's to close.
    fileprivate consuming func release() -> CInt {
        let descriptor = descriptor
        discard self
        return descriptor
    }
}

private final class ConnectAttempt: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "ConnectAttempt.lock")
    private let changed = Condition()
    private var outcome: Result<CInt, DMError>?
    private var isGivenUp = false

    func run(_ path: String) {
        let outcome: Result<CInt, DMError>
        do throws(DMError) {
            outcome = .success(try UnixSocket.connect(to: path).release())
        } catch {
            outcome = .failure(error)
        }
        let isLate = lock.withLock { () -> Bool in
            self.outcome = outcome
            changed.broadcast()
            return isGivenUp
        }
        if isLate, case .success(let descriptor) = outcome { close(descriptor) }
    }

    /// Nil: no outcome in time.
    func wait(milliseconds: UInt32) -> Result<CInt, DMError>? {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        return lock.withLock {
            while outcome == nil, changed.wait(lock, until: deadline) {}
            isGivenUp = outcome == nil
            return outcome
        }
    }
}
