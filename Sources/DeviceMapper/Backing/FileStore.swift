import CLinux
package import Glibc
import Synchronization
package import SystemPackage

/// A regular file or block device as a backing store.
package final class FileStore: SynchronousStore {
    private let descriptor: Atomic<Int32>
    /// Descriptors that a writable one took the place of. I/O may be under way on them, so they
    /// are closed at the end. Guarded by `lock`.
    nonisolated(unsafe) private var replaced: [Int32] = []
    private let lock = Lock(rank: .leaf, name: "FileStore.lock")
    private let isBlockDevice: Bool
    /// A block device is read and written past its page cache.
    private let io: AlignedIO

    /// Takes over an open descriptor.
    init(_ descriptor: FileDescriptor, isBlockDevice: Bool) {
        self.descriptor = Atomic(descriptor.rawValue)
        self.isBlockDevice = isBlockDevice
        let isDirect = isBlockDevice && clinux_go_direct(descriptor.rawValue) == 0
        io = AlignedIO(
            block: isDirect
                ? Int(BackingLimits.ofBlockDevice(descriptor).logicalBlockSize) : 0)
    }

    private var current: FileDescriptor {
        FileDescriptor(rawValue: descriptor.load(ordering: .acquiring))
    }

    /// Where the locks of a file are that isn't written yet: it stays open until `close`.
    var descriptorOfLocks: FileDescriptor { current }

    /// Goes on with a descriptor of the same file that can also be written.
    func replace(with writable: FileDescriptor) {
        if io.block > 0 { _ = clinux_go_direct(writable.rawValue) }
        let old = descriptor.exchange(writable.rawValue, ordering: .acquiringAndReleasing)
        lock.withLock { replaced.append(old) }
    }

    package var limits: QueueLimits {
        isBlockDevice ? BackingLimits.ofBlockDevice(current) : BackingLimits.ofFile(current)
    }

    package var size: UInt64 { BackingIO.size(current, isBlockDevice: isBlockDevice) }

    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Errno? {
        io.read(current, into: bytes, at: offset)
    }

    package func read(into stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno? {
        io.read(current, into: stretches, at: offset)
    }

    /// Bytes of a file's page cache, mapped. What isn't in memory is better read, in one go with an
    /// error of its own; and so is what the file doesn't have, where a mapping shows zeros up to
    /// the next page.
    package func lend(_ length: Int, at offset: UInt64) -> LentBytes? {
        let within = offset % Limits.fileWindowBytes
        guard length >= FileStore.leastLent, io.block == 0,
            within + UInt64(length) <= Limits.fileWindowBytes,
            offset + UInt64(length) <= size,
            let window = FileWindows.shared.take(self, current, at: offset)
        else { return nil }
        let start = window._withUnsafeGuaranteedRef { $0.memory } + Int(within)
        let bytes = LentBytes(start: start, length: length, window: window)
        if BackingIO.isInMemory(start, length) { return bytes }
        bytes.giveBack()
        return nil
    }

    /// A copy of fewer bytes costs less than looking whether it can be spared.
    private static let leastLent = 32 << 10

    /// EIO beyond the end, as for reads: a write would make a file longer, which no device becomes.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Errno? {
        guard has(UInt64(bytes.count), at: offset) else { return .ioError }
        return io.write(current, bytes, at: offset)
    }

    package func write(_ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64) -> Errno? {
        let count = stretches.reduce(0) { $0 + $1.iov_len }
        guard has(UInt64(count), at: offset) else { return .ioError }
        return io.write(current, stretches, at: offset)
    }

    package func discard(from offset: UInt64, count: UInt64) -> Errno? {
        guard has(count, at: offset) else { return .ioError }
        return BackingIO.discard(current, io, from: offset, count: count)
    }

    package func writeZeroes(from offset: UInt64, count: UInt64) -> Errno? {
        guard has(count, at: offset) else { return .ioError }
        return BackingIO.writeZeroes(current, io, from: offset, count: count)
    }

    /// Whether a change would stay within the file. Block devices see to that themselves.
    private func has(_ count: UInt64, at offset: UInt64) -> Bool {
        guard !isBlockDevice else { return true }
        let (end, overflow) = offset.addingReportingOverflow(count)
        return !overflow && end <= Sectors(wholeIn: size).bytes
    }

    package func flush() -> Errno? { BackingIO.flush(current) }

    package func close() {
        FileWindows.shared.forget(self)
        let descriptors = lock.withLock {
            defer { replaced = [] }
            return [current] + replaced.map { FileDescriptor(rawValue: $0) }
        }
        for descriptor in descriptors {
            if !isBlockDevice { FileLock.release(descriptor) }
            BackingIO.close(descriptor)
        }
    }
}
