import CFuse
import DeviceMapper
import Glibc
import SystemPackage

// The operations on open devices. READ, WRITE, FSYNC and FALLOCATE may be held by a suspended device,
// and are then answered later by another thread. Everything else is answered at once, always.

/// The open device that an operation is about. `other`: what it is for an open text (`TextFile`).
func answer(
    _ request: fuse_req_t?, _ file: UnsafeMutablePointer<fuse_file_info>?,
    other: (Session, TextFile, consuming Reply) -> Void,
    _ body: (Session, DeviceHandle, consuming Reply) -> Void
) {
    answer(request) { session, reply in
        guard let file else { return reply.error(.badFileDescriptor) }
        if let device = session.files.file(file.pointee.fh) {
            return body(session, device, reply)
        }
        guard let text = session.text(file.pointee.fh) else {
            return reply.error(.badFileDescriptor)
        }
        other(session, text, reply)
    }
}

/// The same for what only devices do: with texts it is an errno.
func answer(
    _ request: fuse_req_t?, _ file: UnsafeMutablePointer<fuse_file_info>?, other: Errno,
    _ body: (Session, DeviceHandle, consuming Reply) -> Void
) {
    answer(request, file, other: { _, _, reply in reply.error(other) }, body)
}

/// O_DIRECT goes past the page cache, with writes side by side. Every other open is cached, but while a
/// direct write is held; what is cached is dropped when nobody else has the device open, as a kernel's
/// block device drops it at its last close. ESTALE: the device is gone; the kernel then looks the path up again.
@c(dmfs_open)
func openFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        guard case .device(let minor, let generation) = NodeNumber(rawValue: UInt64(node)).kind,
            let file, let request
        else { return session.openText(NodeNumber(rawValue: UInt64(node)), file, reply) }
        if session.ownFiles.isOpening(fuse_req_ctx(request).pointee.pid) {
            // Past the cache: an open through it would wait for direct writes that are under way.
            _ = reply.opened(OwnFiles.handle, isDirect: true, keepsCache: true)
            return
        }
        let device: DeviceHandle
        do throws(DMError) {
            device = try session.registry.open(minor: minor, generation: generation)
        } catch {
            let isGone = error.errno == .noSuchAddressOrDevice
            return reply.error(isGone ? .staleNFSFileHandle : error.errno)
        }
        // While a direct write is under way Linux (6.9) lets nobody begin with the page cache, and what
        // waits for that can't be ended. One that is held may take for ever.
        let isPastCache =
            isDirect(file) || (cfuse_opens_wait(request) && device.holdsDirectWrite)
        if isPastCache { device.notePastCache() }
        let number = session.files.insert(device)
        let isOpen = reply.opened(
            number, isDirect: isPastCache, keepsCache: !device.isFirst)
        if !isOpen { session.files.remove(number)?.close() }
    }
}

/// The last descriptor of an open file was closed, and everything on it is done.
@c(dmfs_release)
func releaseFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        if let file {
            if let device = session.files.remove(file.pointee.fh) {
                device.close()
            } else {
                session.closeText(file.pointee.fh)
            }
        }
        reply.done()
    }
}

/// A descriptor was closed; RELEASE may follow when close(2) has returned.
@c(dmfs_flush)
func flushFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        guard let file else { return reply.error(.badFileDescriptor) }
        if file.pointee.fh == OwnFiles.handle { return reply.done() }
        guard let device = session.files.file(file.pointee.fh) else {
            let isText = session.text(file.pointee.fh) != nil
            return isText ? reply.done() : reply.error(.badFileDescriptor)
        }
        device.noteFlush()
        reply.done()
    }
}

/// Whether the descriptor is past the page cache at this moment: fcntl(2) can change it.
private func isDirect(_ file: UnsafeMutablePointer<fuse_file_info>?) -> Bool {
    (file?.pointee.flags ?? 0) & cfuse_o_direct != 0
}

/// Whether a READ or WRITE is one of the kernel's page cache. One past it names an owner of locks, also where
/// the file isn't open so: a loop device reads and writes past the cache of a file that is open without
/// O_DIRECT.
private func isOfCache(_ file: UnsafeMutablePointer<fuse_file_info>?) -> Bool {
    (file?.pointee.lock_owner ?? 0) == 0
}

@c(dmfs_read)
func readFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ size: Int, _ offset: off_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(
        request, file,
        other: { session, text, reply in session.readText(text, size, offset, reply) }
    ) { session, device, reply in
        switch Extent.toRead(offset: offset, length: size, of: device.readableSize) {
        case .failure(let error): reply.error(error)
        case .success(let extent) where extent.length == 0: reply.noData()
        case .success(let extent) where isDirect(file) && !extent.isAligned(to: device.blockSize):
            reply.error(.invalidArgument)
        case .success(let extent):
            // One past the cache brings nothing into it.
            let noted = isOfCache(file) ? session.pages.noteRead(node, extent, request) : nil
            session.requests.submit(reply) { $0.read(extent, of: device, noted: noted, $1) }
        }
    }
}

/// On a direct file O_SYNC and O_DSYNC send no FSYNC: each write then says so itself.
@c(dmfs_write)
func writeFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ bytes: UnsafePointer<CChar>?, _ size: Int,
    _ offset: off_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(
        request, file,
        other: { session, text, reply in session.writeText(text, bytes, size, reply) }
    ) { session, device, reply in
        let extent = Extent.toWrite(
            offset: offset, length: size, of: device.size, readOnly: device.isReadOnly)
        switch extent {
        case .failure(let error): reply.error(error)
        case .success(let extent) where extent.length == 0: reply.written(0)
        case .success(let extent) where isDirect(file) && !extent.isAligned(to: device.blockSize):
            reply.error(.invalidArgument)
        case .success(let extent):
            guard let payload = Receiver.payload else { return reply.error(.noMemory) }
            guard let bytes, let start = payload.position(of: bytes) else {
                return reply.error(.ioError)
            }
            let isDurable = (file?.pointee.flags ?? 0) & O_DSYNC != 0
            let isCached = isOfCache(file) && file?.pointee.writepage == 0
            let cached = isCached ? CachedWrite(to: node, at: extent.offset, session.pages) : nil
            session.requests.submit(reply) {
                $0.write(
                    extent, of: device, payload, at: start, forceUnitAccess: isDurable,
                    cached: cached, $1)
            }
        }
    }
}

extension Payload {
    /// Where in this memory an address is; nil: outside.
    fileprivate func position(of address: UnsafeRawPointer) -> Int? {
        let start = address - UnsafeRawPointer(memory)
        return (0..<capacity).contains(start) ? start : nil
    }
}

/// Whether data alone or all is to be durable makes no difference to a device.
@c(dmfs_fsync)
func syncFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ dataOnly: Int32,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request, file, other: .invalidArgument) { session, device, reply in
        session.requests.submit(reply) { $0.flush(device, $1) }
    }
}

/// SEEK_DATA and SEEK_HOLE: all of a device is data. Other seeks the kernel does itself.
@c(dmfs_lseek)
func seekFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ offset: off_t, _ whence: Int32,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request, file, other: .invalidArgument) { _, device, reply in
        let size = Int(clamping: device.size.bytes)
        guard offset >= 0, offset < size else { return reply.error(.noSuchAddressOrDevice) }
        switch whence {
        case cfuse_seek_data: reply.position(offset)
        case cfuse_seek_hole: reply.position(size)
        default: reply.error(.invalidArgument)
        }
    }
}

/// A hole is a discard that leaves zeros, a zero range a write-zeroes; other modes are EOPNOTSUPP, as
/// on a block device, and so is a hole where the table has no discards. The kernel drops what it has cached of the range.
@c(dmfs_fallocate)
func allocateFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ mode: Int32, _ offset: off_t, _ length: off_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request, file, other: .notSupported) { session, device, reply in
        let keepsSize = mode & cfuse_keep_size != 0
        let operation: IOOperation
        switch mode & ~cfuse_keep_size {
        case cfuse_punch_hole where keepsSize: operation = .discard
        case cfuse_zero_range: operation = .writeZeroes
        default: return reply.error(.notSupported)
        }
        let extent = Extent.toChange(
            offset: offset, length: length, keepsSize: keepsSize, of: device.size,
            readOnly: device.isReadOnly, blockSize: device.blockSize,
            isTaken: operation != .discard || device.limits.takesDiscards)
        switch extent {
        case .failure(let error): reply.error(error)
        case .success(let extent):
            session.requests.submit(reply) { $0.change(operation, extent, of: device, $1) }
        }
    }
}

/// The kernel then copies by reading and writing.
@c(dmfs_copy_file_range)
func copyFileRange(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ offset: off_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?, _ toNode: fuse_ino_t, _ toOffset: off_t,
    _ toFile: UnsafeMutablePointer<fuse_file_info>?, _ length: Int, _ flags: Int32
) {
    answer(request) { _, reply in reply.error(.notSupported) }
}
