import Glibc
import SystemPackage

extension Errno {
    /// What a device makes of an error of the file or block device below it.
    ///
    /// The errnos that Linux knows of a block device (`blk_errors`) stay. Where a file can't grow
    /// there is no space: EDQUOT, and EFBIG for a limit of the file system's or of RLIMIT_FSIZE. All
    /// else is EIO: a reader knows of no file system that is read-only (EROFS), gone (ENOTCONN,
    /// ESTALE) or closed to us (EPERM, EBADF), and might take ENOTCONN for the end of our daemon.
    static func ofDevice(_ code: Int32) -> Errno {
        switch code {
        case Glibc.EDQUOT, Glibc.EFBIG: .noSpace
        case Glibc.EOPNOTSUPP, Glibc.ETIMEDOUT, Glibc.ENOSPC, Glibc.ENOLINK, Glibc.EREMOTEIO,
            Glibc.EBADE, Glibc.ENODATA, Glibc.EILSEQ, Glibc.ENOMEM, Glibc.ENODEV, Glibc.ETIME,
            Glibc.EINVAL:
            Errno(rawValue: code)
        default: .ioError
        }
    }
}
