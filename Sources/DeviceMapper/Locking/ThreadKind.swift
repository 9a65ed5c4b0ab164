import Glibc

/// What a thread is for: some may not run what waits or closes files.
package enum ThreadKind: UInt8, Sendable, CaseIterable {
    /// Serves a client of the control socket, or none.
    case other
    /// Does backing I/O.
    case io
    /// Takes requests of the file system.
    case filesystem
    /// Removes devices after their last close.
    case removal

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let failure = pthread_key_create(&key, nil)
        precondition(failure == 0, "pthread_key_create failed: \(failure)")
        return key
    }()

    /// Of the calling thread.
    static var current: ThreadKind {
        let value = UInt(bitPattern: pthread_getspecific(key))
        return ThreadKind(rawValue: UInt8(truncatingIfNeeded: value)) ?? .other
    }

    /// Makes the calling thread one of this kind for the time of `body`.
    package func run(_ body: () -> Void) {
        let previous = UInt(ThreadKind.current.rawValue)
        pthread_setspecific(ThreadKind.key, UnsafeRawPointer(bitPattern: UInt(rawValue)))
        body()
        pthread_setspecific(ThreadKind.key, UnsafeRawPointer(bitPattern: previous))
    }
}
