import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct DeviceErrnoTests {
    @Test(
        "what a file system says is an errno of a block device",
        arguments: [
            (EIO, EIO), (ENOSPC, ENOSPC), (EDQUOT, ENOSPC), (EFBIG, ENOSPC), (ENOMEM, ENOMEM),
            (EOPNOTSUPP, EOPNOTSUPP), (EILSEQ, EILSEQ), (EROFS, EIO), (ENOTCONN, EIO),
            (ECONNABORTED, EIO), (ESTALE, EIO), (EPERM, EIO), (EACCES, EIO), (EBADF, EIO),
            (ENXIO, EIO), (EAGAIN, EIO),
        ])
    func errno(of found: Int32, wanted: Int32) {
        #expect(Errno.ofDevice(found).rawValue == wanted)
    }
}
