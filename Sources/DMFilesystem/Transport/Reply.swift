import CFuse
import DeviceMapper
import Glibc
import SystemPackage

/// The answer that the kernel waits for: given exactly once, by the one method that is called.
/// One that is dropped instead says EIO, so that no client waits for ever.
struct Reply: ~Copyable {
    private let request: fuse_req_t

    /// Seconds for which the kernel may take what it was told for granted: a lookup after a command
    /// shows its effect, and the mount of a dead daemon is ENOTCONN at once.
    private static let timeout = 0.0

    init(_ request: fuse_req_t) { self.request = request }

    deinit { fuse_reply_err(request, EIO) }

    /// For an answer that comes later: from here on the caller owns the request.
    consuming func postpone() -> fuse_req_t {
        let request = request
        discard self
        return request
    }

    /// FORGET and the like have no answer.
    consuming func none() { fuse_reply_none(postpone()) }

    consuming func error(_ error: Errno) { fuse_reply_err(postpone(), error.rawValue) }

    consuming func done() { fuse_reply_err(postpone(), 0) }

    consuming func entry(_ attributes: Attributes, _ owner: Owner) {
        var entry = fuse_entry_param()
        entry.ino = attributes.node.rawValue
        entry.attr = attributes.status(owner)
        entry.attr_timeout = Reply.timeout
        entry.entry_timeout = Reply.timeout
        fuse_reply_entry(postpone(), &entry)
    }

    consuming func attributes(_ attributes: Attributes, _ owner: Owner) {
        var status = attributes.status(owner)
        fuse_reply_attr(postpone(), &status, Reply.timeout)
    }

    consuming func link(_ target: ByteString) {
        let request = postpone()
        (target.bytes + [0]).withUnsafeBytes { bytes in
            _ = fuse_reply_readlink(request, bytes.assumingMemoryBound(to: CChar.self).baseAddress)
        }
    }

    /// False: the kernel has given the open up, and no RELEASE will follow.
    consuming func opened(_ handle: UInt64, isDirect: Bool, keepsCache: Bool) -> Bool {
        cfuse_reply_open(postpone(), handle, isDirect, keepsCache) == 0
    }

    consuming func data(_ bytes: UnsafeRawBufferPointer) {
        fuse_reply_buf(
            postpone(), bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
    }

    /// Bytes in several places, which may be mapped from a file. False: they could not be had, and
    /// the kernel told its client so (EIO).
    consuming func data(_ vectors: UnsafeBufferPointer<iovec>) -> Bool {
        cfuse_reply_vectors(postpone(), vectors.baseAddress, Int32(vectors.count)) != -EFAULT
    }

    consuming func noData() { fuse_reply_buf(postpone(), nil, 0) }

    consuming func written(_ count: Int) { fuse_reply_write(postpone(), count) }

    consuming func position(_ offset: Int) { fuse_reply_lseek(postpone(), offset) }

    /// The result of an ioctl that gives a number. `room`: bytes that its caller has for it.
    consuming func control(_ value: some FixedWidthInteger, room: Int) {
        var value = value
        let size = MemoryLayout.size(ofValue: value)
        guard size <= room else { return error(.invalidArgument) }
        fuse_reply_ioctl(postpone(), 0, &value, size)
    }

    /// The same for a record of numbers.
    consuming func control(_ values: [UInt32], room: Int) {
        let size = values.count * MemoryLayout<UInt32>.size
        guard size <= room else { return error(.invalidArgument) }
        let request = postpone()
        values.withUnsafeBytes { _ = fuse_reply_ioctl(request, 0, $0.baseAddress, size) }
    }

    /// The same where it gives nothing.
    consuming func controlled() { fuse_reply_ioctl(postpone(), 0, nil, 0) }

    consuming func fileSystem(_ status: statvfs) {
        var status = status
        fuse_reply_statfs(postpone(), &status)
    }

    /// As many of the entries as go into `size` bytes.
    consuming func entries(_ entries: ArraySlice<DirectoryEntry>, size: Int) {
        let request = postpone()
        let capacity = min(size, 1 << 20)
        let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: capacity)
        defer { buffer.deallocate() }
        var used = 0
        for entry in entries {
            var status = stat()
            status.st_ino = UInt(entry.node.rawValue)
            status.st_mode = entry.type
            let free = capacity - used
            let length = (entry.name.bytes + [0]).withUnsafeBytes { name in
                fuse_add_direntry(
                    request, buffer.baseAddress.map { $0 + used }, free,
                    name.assumingMemoryBound(to: CChar.self).baseAddress, &status, entry.cookie)
            }
            if length > free { break }
            used += length
        }
        fuse_reply_buf(request, buffer.baseAddress, used)
    }
}
