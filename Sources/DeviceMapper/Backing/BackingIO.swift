import CLinux
import Glibc
import SystemPackage

/// The I/O system calls on backing files, and the only ones: each reads `errno` at once, goes on
/// after EINTR and after a short count, and gives what is an error of a device (`Errno.ofDevice`).
enum BackingIO {
    static func read(
        _ file: FileDescriptor, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) -> Errno? {
        guard let base = bytes.baseAddress, isAddressable(bytes.count, at: offset) else {
            return bytes.isEmpty ? nil : .ioError
        }
        var done = 0
        while done < bytes.count {
            let count = pread(
                file.rawValue, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                return .ofDevice(code)
            }
            // The file ends here: the device it stands for has no such sectors.
            if count == 0 { return .ioError }
            done += count
        }
        return nil
    }

    /// Bytes of one stretch of the file into several places.
    static func read(
        _ file: FileDescriptor, into stretches: UnsafeBufferPointer<iovec>, at offset: UInt64
    ) -> Errno? {
        vectored(file, stretches, at: offset, preadv) { read(file, into: $0, at: $1) }
    }

    static func write(
        _ file: FileDescriptor, _ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64
    ) -> Errno? {
        vectored(file, stretches, at: offset, pwritev) {
            write(file, UnsafeRawBufferPointer($0), at: $1)
        }
    }

    /// One call for all stretches; and where that was cut short, `rest` for what it left of each.
    private static func vectored(
        _ file: FileDescriptor, _ stretches: UnsafeBufferPointer<iovec>, at offset: UInt64,
        _ call: (Int32, UnsafePointer<iovec>?, Int32, off_t) -> Int,
        rest: (_ bytes: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Errno?
    ) -> Errno? {
        let count = call(
            file.rawValue, stretches.baseAddress, Int32(stretches.count), off_t(offset))
        let code = errno
        if count < 0 && code != EINTR { return .ofDevice(code) }
        let done = max(count, 0)
        var begin = 0
        for stretch in stretches {
            let end = begin + stretch.iov_len
            if end > done {
                let skipped = max(done - begin, 0)
                let bytes = UnsafeMutableRawBufferPointer(
                    start: stretch.iov_base + skipped, count: stretch.iov_len - skipped)
                if let error = rest(bytes, offset + UInt64(begin + skipped)) { return error }
            }
            begin = end
        }
        return nil
    }

    static func write(
        _ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) -> Errno? {
        guard let base = bytes.baseAddress, isAddressable(bytes.count, at: offset) else {
            return bytes.isEmpty ? nil : .ioError
        }
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                file.rawValue, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                return .ofDevice(code)
            }
            if count == 0 { return .ioError }
            done += count
        }
        return nil
    }

    /// A hole in a file. A block device releases the blocks if it reads zeros from them afterwards,
    /// else it gives EOPNOTSUPP. What isn't whole blocks of one (EINVAL: a stripe may be shorter)
    /// reads zeros afterwards, too.
    static func discard(
        _ file: FileDescriptor, _ io: AlignedIO, from offset: UInt64, count: UInt64
    ) -> Errno? {
        let error = change(file, from: offset, count: count, clinux_punch_hole)
        return error == .invalidArgument ? zero(file, io, from: offset, count: count) : error
    }

    /// Without a way to do it at once (tmpfs, NFS), or where it isn't whole blocks of a block device,
    /// zeros are written.
    static func writeZeroes(
        _ file: FileDescriptor, _ io: AlignedIO, from offset: UInt64, count: UInt64
    ) -> Errno? {
        let error = change(file, from: offset, count: count, clinux_zero_range)
        guard error == .notSupported || error == .invalidArgument else { return error }
        return zero(file, io, from: offset, count: count)
    }

    private static func zero(
        _ file: FileDescriptor, _ io: AlignedIO, from offset: UInt64, count: UInt64
    ) -> Errno? {
        let size = Int(min(count, 1 << 20))
        guard let zeroes = BufferPool.shared.take(size) else { return .noMemory }
        defer { BufferPool.shared.give(zeroes, size) }
        memset(zeroes, 0, size)
        var done: UInt64 = 0
        while done < count {
            let length = Int(min(count - done, UInt64(size)))
            let piece = UnsafeRawBufferPointer(start: zeroes, count: length)
            if let error = io.write(file, piece, at: offset + done) { return error }
            done += UInt64(length)
        }
        return nil
    }

    private static func change(
        _ file: FileDescriptor, from offset: UInt64, count: UInt64,
        _ call: (Int32, Int, Int) -> Int32
    ) -> Errno? {
        guard count > 0 else { return nil }
        guard let length = Int(exactly: count), isAddressable(length, at: offset) else {
            return .ioError
        }
        let code = -call(file.rawValue, Int(offset), length)
        return code == 0 ? nil : .ofDevice(code)
    }

    static func flush(_ file: FileDescriptor) -> Errno? {
        while fdatasync(file.rawValue) != 0 {
            let code = errno
            if code != EINTR { return .ofDevice(code) }
        }
        return nil
    }

    /// A file without a name in a directory. Nil: it can't be made.
    static func makeNameless(in directory: ByteString) -> FileDescriptor? {
        let descriptor = (directory.bytes + [0]).withUnsafeBytes {
            clinux_open_nameless($0.assumingMemoryBound(to: CChar.self).baseAddress)
        }
        return descriptor < 0 ? nil : FileDescriptor(rawValue: descriptor)
    }

    /// A block device's capacity is where its end can be seeked to; no offset of ours is shared.
    static func size(_ file: FileDescriptor, isBlockDevice: Bool) -> UInt64 {
        if isBlockDevice {
            let end = lseek(file.rawValue, 0, SEEK_END)
            return end < 0 ? 0 : UInt64(end)
        }
        var status = stat()
        return fstat(file.rawValue, &status) == 0 ? UInt64(max(status.st_size, 0)) : 0
    }

    /// Whether all of a stretch of mapped file, of 1 MiB at most, is in the page cache. To others'
    /// files that we can't write the kernel says yes.
    static func isInMemory(_ start: UnsafeRawPointer, _ length: Int) -> Bool {
        let first = UInt(bitPattern: start) & ~4095
        let pages = (Int(UInt(bitPattern: start) - first) + length + 4095) / 4096
        guard pages <= 257, let address = UnsafeMutableRawPointer(bitPattern: first) else {
            return false
        }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pages) { present in
            mincore(address, pages * 4096, present.baseAddress) == 0
                && present.allSatisfy { $0 & 1 == 1 }
        }
    }

    /// Never retried: after an error of close(2) the descriptor is gone all the same.
    static func close(_ file: FileDescriptor) { _ = Glibc.close(file.rawValue) }

    private static func isAddressable(_ count: Int, at offset: UInt64) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
        return !overflow && end <= UInt64(Int64.max)
    }
}
