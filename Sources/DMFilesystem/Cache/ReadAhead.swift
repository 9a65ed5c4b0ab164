import DeviceMapper
import Glibc

/// How far the kernel reads ahead for files of the mount: one number for all devices, the greatest that was
/// set for one. sysfs answers at once, and asks nobody.
final class ReadAhead: @unchecked Sendable {
    // @unchecked: the mutable rest is guarded by `lock`.

    private let path: String?
    /// Guards the fields below, and raising. Leaf.
    private let lock = Lock(rank: .leaf, name: "ReadAhead.lock")
    /// What we have raised it to, and from what.
    private var raised: (from: UInt32, to: UInt32)?

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
    var kilobytesByDefault: UInt32 {
        let now = kilobytes
        return lock.withLock { raised?.to == now ? raised?.from : nil } ?? now
    }

    /// Raises it: less for one device would be less for all. False: the daemon may not (it isn't root's).
    func raise(to kilobytes: UInt32) -> Bool {
        lock.withLock {
            let now = self.kilobytes
            guard kilobytes > now else { return true }
            guard write(kilobytes) else { return false }
            raised = (from: raised?.to == now ? raised?.from ?? now : now, to: kilobytes)
            return true
        }
    }

    private func write(_ kilobytes: UInt32) -> Bool {
        guard let path else { return false }
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        let text = "\(kilobytes)"
        return Glibc.write(file, text, text.utf8.count) == text.utf8.count
    }
}
