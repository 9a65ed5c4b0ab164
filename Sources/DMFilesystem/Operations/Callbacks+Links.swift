import CFuse
import DeviceMapper
import Glibc
import SystemPackage

// Links and directories, which users make and remove at the root of the mount and below directories of
// their own. In all other directories, and for the names of devices, it is EPERM.

/// A change of one name; nil: done.
private func change(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?,
    _ body: (UserLinks, ByteString, NodeNumber) -> Errno?
) {
    answer(request) { session, reply in
        let directory = NodeNumber(rawValue: UInt64(parent))
        let name = byteString(name)
        guard !session.tree.isReserved(name, in: directory) else {
            return reply.error(.notPermitted)
        }
        if let error = body(session.tree.links, name, directory) { return reply.error(error) }
        reply.done()
    }
}

/// `target`: where a link leads; nil: a directory is made.
private func make(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?,
    target: ByteString?, mode: mode_t = 0
) {
    guard let context = request.flatMap({ fuse_req_ctx($0) })?.pointee else { return }
    let owner = Owner(user: context.uid, group: context.gid)
    answer(request) { session, reply in
        let directory = NodeNumber(rawValue: UInt64(parent))
        let name = byteString(name)
        guard !session.tree.isReserved(name, in: directory) else {
            return reply.error(.notPermitted)
        }
        let made = session.tree.links.make(
            name, in: directory, target: target, mode: mode, owner: owner)
        switch made {
        case .failure(let error): reply.error(error)
        case .success(let made): reply.entry(made, session.tree.owner)
        }
    }
}

@c(dmfs_mkdir)
func makeDirectory(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t
) { make(request, parent, name, target: nil, mode: mode) }

@c(dmfs_symlink)
func makeSymbolicLink(
    _ request: fuse_req_t?, _ target: UnsafePointer<CChar>?, _ parent: fuse_ino_t,
    _ name: UnsafePointer<CChar>?
) { make(request, parent, name, target: byteString(target)) }

@c(dmfs_unlink)
func unlinkEntry(_ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?) {
    change(request, parent, name) { $0.remove($1, in: $2, isDirectory: false) }
}

@c(dmfs_rmdir)
func removeDirectory(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?
) { change(request, parent, name) { $0.remove($1, in: $2, isDirectory: true) } }

/// EINVAL of flags other than RENAME_NOREPLACE.
@c(dmfs_rename)
func renameEntry(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?,
    _ newParent: fuse_ino_t, _ newName: UnsafePointer<CChar>?, _ flags: UInt32
) {
    answer(request) { session, reply in
        let tree = session.tree
        let name = byteString(name)
        let newName = byteString(newName)
        let directory = NodeNumber(rawValue: UInt64(parent))
        let newDirectory = NodeNumber(rawValue: UInt64(newParent))
        guard !tree.isReserved(name, in: directory),
            !tree.isReserved(newName, in: newDirectory)
        else { return reply.error(.notPermitted) }
        guard flags & ~cfuse_rename_noreplace == 0 else { return reply.error(.invalidArgument) }
        let error = tree.links.rename(
            name, in: directory, to: newName, in: newDirectory,
            keeps: flags & cfuse_rename_noreplace != 0)
        if let error { return reply.error(error) }
        reply.done()
    }
}
