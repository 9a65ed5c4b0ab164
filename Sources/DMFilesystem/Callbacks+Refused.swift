import CFuse
import DeviceMapper
import Glibc
import SystemPackage

// The tree is the registry's picture: it changes by commands to the registry, not by file
// operations. EPERM, as for a file system without them.

private func refuse(_ request: fuse_req_t?, _ error: Errno = .notPermitted) {
    answer(request) { _, reply in reply.error(error) }
}

@c(dmfs_mknod)
func makeNode(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t,
    _ device: dev_t
) { refuse(request) }

@c(dmfs_mkdir)
func makeDirectory(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t
) { refuse(request) }

@c(dmfs_create)
func createFile(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    // As sysfs has it, where we do what that does.
    switch NodeNumber(rawValue: UInt64(parent)).kind {
    case .root, .mapperDirectory, nil: refuse(request)
    default: refuse(request, .permissionDenied)
    }
}

@c(dmfs_symlink)
func makeSymbolicLink(
    _ request: fuse_req_t?, _ target: UnsafePointer<CChar>?, _ parent: fuse_ino_t,
    _ name: UnsafePointer<CChar>?
) { refuse(request) }

@c(dmfs_link)
func makeLink(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ parent: fuse_ino_t,
    _ name: UnsafePointer<CChar>?
) { refuse(request) }

@c(dmfs_rename)
func renameEntry(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?,
    _ newParent: fuse_ino_t, _ newName: UnsafePointer<CChar>?, _ flags: UInt32
) { refuse(request) }

@c(dmfs_unlink)
func unlinkEntry(_ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?) {
    refuse(request)
}

@c(dmfs_rmdir)
func removeDirectory(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?
) { refuse(request) }
