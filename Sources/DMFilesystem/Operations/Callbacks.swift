import CFuse
import DeviceMapper
import Glibc
import SystemPackage

/// The table of what libfuse calls. Free functions, since a closure may carry an isolation with it
/// and abort on a thread of ours. What isn't here libfuse answers with ENOSYS, which the kernel
/// remembers: extended attributes, poll, bmap, access (the kernel checks permissions), locks (the
/// kernel keeps them), the truncating open.
extension Session {
    static var operations: fuse_lowlevel_ops {
        var operations = fuse_lowlevel_ops()
        operations.`init` = initialize
        operations.lookup = lookUp
        operations.forget = forget
        operations.forget_multi = forgetMany
        operations.getattr = getAttributes
        operations.setattr = setAttributes
        operations.readlink = readLink
        operations.opendir = openDirectory
        operations.readdir = readDirectory
        operations.releasedir = releaseDirectory
        operations.fsyncdir = syncDirectory
        operations.statfs = fileSystemStatus
        operations.open = openFile
        operations.read = readFile
        operations.write = writeFile
        operations.flush = flushFile
        operations.fsync = syncFile
        operations.release = releaseFile
        operations.lseek = seekFile
        operations.ioctl = controlFile
        operations.fallocate = allocateFile
        operations.copy_file_range = copyFileRange
        operations.mknod = makeNode
        operations.mkdir = makeDirectory
        operations.create = createFile
        operations.symlink = makeSymbolicLink
        operations.link = makeLink
        operations.rename = renameEntry
        operations.unlink = unlinkEntry
        operations.rmdir = removeDirectory
        return operations
    }
}

/// The session of a request and the reply to it, for one operation. Borrowed: a session outlives its
/// threads and requests.
func answer(_ request: fuse_req_t?, _ body: (Session, consuming Reply) -> Void) {
    guard let request, let owner = cfuse_request_owner(request) else { return }
    Unmanaged<Session>.fromOpaque(owner)._withUnsafeGuaranteedRef { session in
        body(session, Reply(request))
    }
}

extension Session {
    /// Answers what tells the size of a node: now, or as soon as the kernel knows that it is longer.
    fileprivate func tellSize(
        of node: NodeNumber, _ reply: consuming Reply,
        _ answer: @escaping @Sendable (Session, consuming Reply) -> Void
    ) {
        nonisolated(unsafe) let request = reply.postpone()
        let give: @Sendable () -> Void = { [self] in answer(self, Reply(request)) }
        if !pages.sizes.postpone(node, give) { give() }
    }
}

/// A name that libfuse hands over.
func byteString(_ name: UnsafePointer<CChar>?) -> ByteString {
    guard let name else { return .empty }
    return ByteString(UnsafeRawBufferPointer(start: name, count: strlen(name)))
}

// MARK: The connection

@c(dmfs_init)
private func initialize(
    _ userdata: UnsafeMutableRawPointer?, _ connection: UnsafeMutablePointer<fuse_conn_info>?
) {
    guard let owner = cfuse_userdata_owner(userdata) else { return }
    cfuse_negotiate(connection)
    Unmanaged<Session>.fromOpaque(owner)._withUnsafeGuaranteedRef { $0.noteServing() }
}

// MARK: Nodes

@c(dmfs_lookup)
private func lookUp(_ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?) {
    answer(request) { session, reply in
        let directory = NodeNumber(rawValue: UInt64(parent))
        let name = byteString(name)
        guard let found = session.tree.lookup(name, in: directory) else {
            return reply.error(.noSuchFileOrDirectory)
        }
        session.tellSize(of: found.node, reply) { session, reply in
            guard let found = session.tree.lookup(name, in: directory) else {
                return reply.error(.noSuchFileOrDirectory)
            }
            reply.entry(found, session.tree.owner)
        }
    }
}

@c(dmfs_forget)
private func forget(_ request: fuse_req_t?, _ node: fuse_ino_t, _ count: UInt64) {
    answer(request) { _, reply in reply.none() }
}

@c(dmfs_forget_multi)
private func forgetMany(
    _ request: fuse_req_t?, _ count: Int, _ forgets: UnsafeMutablePointer<fuse_forget_data>?
) {
    answer(request) { _, reply in reply.none() }
}

@c(dmfs_getattr)
private func getAttributes(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        let node = NodeNumber(rawValue: UInt64(node))
        session.tellSize(of: node, reply) { session, reply in
            guard let found = session.tree.attributes(of: node) else {
                return reply.error(.staleNFSFileHandle)
            }
            reply.attributes(found, session.tree.owner)
        }
    }
}

/// A device's size is its table's: setting it succeeds and changes nothing, so that `> file`, cp and
/// ftruncate work as on a device; so for the texts. What users made is theirs. All else is the daemon's
/// alone: EPERM.
@c(dmfs_setattr)
private func setAttributes(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ status: UnsafeMutablePointer<stat>?,
    _ wanted: Int32, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        let node = NodeNumber(rawValue: UInt64(node))
        guard session.tree.attributes(of: node) != nil else {
            return reply.error(.staleNFSFileHandle)
        }
        let isSizeOfText = wanted & FUSE_SET_ATTR_SIZE != 0 && session.tree.block.isText(node)
        switch node.kind {
        case .device, .userItem: break
        default:
            guard isSizeOfText, let found = session.tree.attributes(of: node) else {
                return reply.error(.notPermitted)
            }
            return reply.attributes(found, session.tree.owner)
        }
        guard let status else { return reply.error(.invalidArgument) }
        // Truncation brings times along, which then mean no more than the size does.
        if wanted & FUSE_SET_ATTR_SIZE == 0 {
            session.tree.change(node, status.pointee, wanted)
        }
        session.tellSize(of: node, reply) { session, reply in
            guard let changed = session.tree.attributes(of: node) else {
                return reply.error(.staleNFSFileHandle)
            }
            session.pages.sizes.noteSetting()
            reply.attributes(changed, session.tree.owner)
        }
    }
}

@c(dmfs_readlink)
private func readLink(_ request: fuse_req_t?, _ node: fuse_ino_t) {
    answer(request) { session, reply in
        guard let target = session.tree.target(of: NodeNumber(rawValue: UInt64(node))) else {
            return reply.error(.staleNFSFileHandle)
        }
        reply.link(target)
    }
}

@c(dmfs_statfs)
private func fileSystemStatus(_ request: fuse_req_t?, _ node: fuse_ino_t) {
    answer(request) { _, reply in
        var status = statvfs()
        status.f_bsize = UInt(Sectors.size)
        status.f_frsize = UInt(Sectors.size)
        status.f_namemax = UInt(Tree.longestName)
        reply.fileSystem(status)
    }
}

// MARK: Directories

@c(dmfs_opendir)
private func openDirectory(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        let number = session.directories.insert(DirectoryStream(session.listings))
        if !reply.opened(number, isDirect: false, keepsCache: false) {
            _ = session.directories.remove(number)
        }
    }
}

@c(dmfs_readdir)
private func readDirectory(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ size: Int, _ position: off_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        let directory = NodeNumber(rawValue: UInt64(node))
        // A stream from before a takeover is unknown here, which only costs a listing.
        let stream =
            file.flatMap { session.directories.file($0.pointee.fh) }
            ?? DirectoryStream(session.listings)
        let entries = stream.entries(after: position) { session.tree.entries(of: directory) }
        guard let entries else { return reply.error(.notDirectory) }
        reply.entries(entries, size: size)
    }
}

@c(dmfs_releasedir)
private func releaseDirectory(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { session, reply in
        if let file { _ = session.directories.remove(file.pointee.fh) }
        reply.done()
    }
}

@c(dmfs_fsyncdir)
private func syncDirectory(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ dataOnly: Int32,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    answer(request) { _, reply in reply.done() }
}
