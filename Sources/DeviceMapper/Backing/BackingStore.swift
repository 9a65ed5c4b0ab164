package import Glibc
package import SystemPackage

/// The bytes behind a backing device: a file, a block device, or memory in a test.
///
/// The only thing that the core asks of the world below. Its I/O is of one of two kinds:
/// `SynchronousStore` does it in the call, `AsynchronousStore` answers later. Any thread; calls may
/// take their time, and none is made with a lock held.
package protocol BackingStore: AnyObject, Sendable {
    /// Bytes at present; 0 when that can't be told. For a block device its capacity.
    var size: UInt64 { get }

    /// What requests it takes.
    var limits: QueueLimits { get }

    /// The end of its use; nothing is called afterwards, and nothing is under way.
    func close()
}

/// A store of either kind, for who does its I/O.
package enum AnyStore: Sendable {
    case synchronous(any SynchronousStore)
    case asynchronous(any AsynchronousStore)

    /// What both kinds have.
    var store: any BackingStore {
        switch self {
        case .synchronous(let store): store
        case .asynchronous(let store): store
        }
    }
}

/// A store whose I/O is done when the call returns, on the thread that calls. It may wait.
package protocol SynchronousStore: BackingStore {
    /// Fills all of `bytes` from byte `offset` on. Nil: done. What the store does not have, since
    /// it ends before, is EIO, never zeros.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno?

    /// The bytes from byte `offset` on where they are, for a reply straight from there: to be given
    /// back, and never looked at in this process. Nil: not possible or not worth it, `read` is.
    func lend(_ length: Int, at offset: UInt64) -> LentBytes?

    /// Writes all of `bytes` at byte `offset`. Nil: done. Another errno: any part may be written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Errno?

    /// The same for bytes in several places, at most 64 (preadv). A store has this by itself.
    func read(into stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno?
    func write(_ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno?

    /// Gives bytes back to whoever the store has them from; they read as zeros afterwards.
    /// EOPNOTSUPP: the store has no way to, and nothing has changed. As for writes, what the store
    /// does not have is EIO.
    func discard(from offset: UInt64, count: UInt64) -> Errno?

    /// Makes bytes zeros. Another errno than nil: any part may be zeros.
    func writeZeroes(from offset: UInt64, count: UInt64) -> Errno?

    /// Makes what was written durable (fdatasync). Not called twice at once for one store.
    func flush() -> Errno?
}

extension SynchronousStore {
    package func lend(_ length: Int, at offset: UInt64) -> LentBytes? { nil }

    package func read(into stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno? {
        var offset = offset
        for stretch in stretches {
            let bytes = UnsafeMutableRawBufferPointer(
                start: stretch.iov_base, count: stretch.iov_len)
            if let error = read(into: bytes, at: offset) { return error }
            offset += UInt64(stretch.iov_len)
        }
        return nil
    }

    package func write(_ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno? {
        var offset = offset
        for stretch in stretches {
            let bytes = UnsafeRawBufferPointer(start: stretch.iov_base, count: stretch.iov_len)
            if let error = write(bytes, at: offset) { return error }
            offset += UInt64(stretch.iov_len)
        }
        return nil
    }
}
