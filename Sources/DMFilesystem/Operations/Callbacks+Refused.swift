import CFuse
import DeviceMapper
import Glibc
import SystemPackage

// Files are the registry's picture: they come and go by commands to the registry, not by file
// operations. EPERM, as for a file system without them.

private func refuse(_ request: fuse_req_t?, _ error: Errno = .notPermitted) {
    answer(request) { _, reply in reply.error(error) }
}

@c(dmfs_mknod)
func makeNode(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t,
    _ device: dev_t
) { refuse(request) }

@c(dmfs_create)
func createFile(
    _ request: fuse_req_t?, _ parent: fuse_ino_t, _ name: UnsafePointer<CChar>?, _ mode: mode_t,
    _ file: UnsafeMutablePointer<fuse_file_info>?
) {
    // As sysfs has it, where we do what that does.
    switch NodeNumber(rawValue: UInt64(parent)).kind {
    case .root, .mapperDirectory, .userItem, nil: refuse(request)
    default: refuse(request, .permissionDenied)
    }
}

@c(dmfs_link)
func makeLink(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ parent: fuse_ino_t,
    _ name: UnsafePointer<CChar>?
) { refuse(request) }
