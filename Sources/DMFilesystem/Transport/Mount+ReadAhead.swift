import DeviceMapper
import Glibc

extension Mount {
    /// Lets the kernel read further ahead than the 128 KiB that it offers, which no INIT raises: a
    /// cached read of a large block is then fewer requests. Where sysfs can't be written, as by an
    /// ordinary user, it stays as it is. Once the session serves.
    package func raiseReadAhead() {
        let file = open("/sys/class/bdi/\(number)/read_ahead_kb", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        // INIT sets it, too. No question of the file system is asked before that is through; and none
        // of another one, which may not answer.
        guard place.place?.device == device else {
            close(file)
            return
        }
        var status = stat()
        _ = directory.withCString { stat($0, &status) }
        _ = write(file, Mount.readAhead, Mount.readAhead.utf8.count)
        close(file)
    }

    /// In KiB.
    private static let readAhead = "256"
}
