import DeviceMapper
import Glibc

/// How far the kernel reads ahead for files of the mount: one number for all devices, the greatest that was
/// set for one. sysfs answers at once, and asks nobody.
struct ReadAhead: Sendable {
    private let path: String?

    /// `mount`: the number of the mount's file system; nil: there is none.
    init(_ mount: DeviceNumber?) { path = mount.map { "/sys/class/bdi/\($0)/read_ahead_kb" } }

    /// Linux's default, where nothing tells.
    private static let common: UInt32 = 128

    var kilobytes: UInt32 {
        guard let path else { return ReadAhead.common }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return ReadAhead.common }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 24)
        let count = read(file, &text, text.count)
        guard count > 0 else { return ReadAhead.common }
        return Digits.number(text[..<count].prefix { $0 != UInt8(ascii: "\n") }) ?? ReadAhead.common
    }

    /// What a device tells for which nothing was set: the mount's, but for what was set for others.
    var kilobytesByDefault: UInt32 { min(kilobytes, Mount.readAhead) }

    /// Raises it: less for one device would be less for all. False: the daemon may not (it isn't root's).
    func raise(to kilobytes: UInt32) -> Bool {
        guard kilobytes > self.kilobytes else { return true }
        guard let path else { return false }
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        let text = "\(kilobytes)"
        return write(file, text, text.utf8.count) == text.utf8.count
    }
}
