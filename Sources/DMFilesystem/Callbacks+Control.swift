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
    answer(request, file) { session, device, reply in
        switch command {
        case cfuse_blkgetsize64: reply.control(device.size.bytes, room: outputSize)
        case cfuse_blkbszget: reply.control(blockSize(of: device), room: outputSize)
        case cfuse_blkgetdiskseq: reply.control(device.generation, room: outputSize)
        case cfuse_limits: reply.control(device.limits.record, room: outputSize)
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

/// The largest up to a page that divides the size, but a logical block at least
/// (`set_init_blocksize`).
private func blockSize(of device: DeviceHandle) -> Int32 {
    let page: UInt64 = 4096
    let bytes = device.size.bytes
    let divisor = min(page, bytes == 0 ? page : bytes & (~bytes + 1))
    return Int32(max(divisor, UInt64(device.blockSize)))
}
