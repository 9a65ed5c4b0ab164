import CFuse
import DeviceMapper
import SystemPackage

/// Those ioctls of block devices whose number says how much data goes with them: of the others the
/// kernel brings none in either direction, so that there is no way to answer. ENOTTY. For some of
/// these there is one of our own, which gives all of the device's limits.
@c(dmfs_ioctl)
func controlFile(
    _ request: fuse_req_t?, _ node: fuse_ino_t, _ command: UInt32,
    _ argument: UnsafeMutableRawPointer?, _ file: UnsafeMutablePointer<fuse_file_info>?,
    _ flags: UInt32, _ input: UnsafeRawPointer?, _ inputSize: Int, _ outputSize: Int
) {
    answer(request, file, other: .inappropriateIOCTLForDevice) { session, device, reply in
        switch command {
        case cfuse_blkgetsize64: reply.control(device.size.bytes, room: outputSize)
        case cfuse_blkbszget: reply.control(Int32(device.cacheBlockSize), room: outputSize)
        case cfuse_blkgetdiskseq: reply.control(device.generation, room: outputSize)
        case cfuse_limits: reply.control(device.limits.record, room: outputSize)
        case cfuse_settings: reply.control(device.settings, room: outputSize)
        case cfuse_blkbszset, cfuse_set_read_only:
            let result = change(request, session, command, device, input, inputSize)
            if let result { reply.error(result) } else { reply.controlled() }
        // Not zoned.
        case cfuse_blkgetzonesz, cfuse_blkgetnrzones:
            reply.control(UInt32(0), room: outputSize)
        case cfuse_blkflsbuf:
            session.requests.submit(reply) {
                $0.flushBuffers(of: device, node: NodeNumber(rawValue: UInt64(node)), session, $1)
            }
        default: reply.error(.inappropriateIOCTLForDevice)
        }
    }
}

/// What only root and whoever mounted may do. EACCES to others; EBUSY, EINVAL.
private func change(
    _ request: fuse_req_t?, _ session: Session, _ command: UInt32, _ device: DeviceHandle,
    _ input: UnsafeRawPointer?, _ inputSize: Int
) -> Errno? {
    guard let user = fuse_req_ctx(request)?.pointee.uid,
        user == 0 || user == session.tree.owner.user
    else { return .permissionDenied }
    guard let input, inputSize >= MemoryLayout<Int32>.size else { return .invalidArgument }
    let number = input.loadUnaligned(as: UInt32.self)
    guard command == cfuse_blkbszset else {
        device.setReadOnly(number != 0)
        return nil
    }
    do {
        try device.setCacheBlockSize(number)
        return nil
    } catch {
        return error.errno
    }
}
