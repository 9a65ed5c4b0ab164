import Glibc
import SystemPackage

/// What a backing file or block device stands on, looked at before it is opened: one that stands on our
/// own mount, such as a file on a file system on a loop device over a device of ours, would let us wait
/// for ourselves. When such a daemon is killed, a thread of it that waits for that file system never
/// ends, and so keeps the connection open that would have to end first.
///
/// Everything is read from /sys and /proc: no file system is asked, which may be one that waits for us.
/// Seen are partitions, loop devices, all that has slaves in sysfs (dm, md, bcache), the devices of a
/// btrfs, the layers of an overlay, and file systems in user space that were mounted from a path. Not
/// seen is what goes through another daemon or another host, or over a path that leads elsewhere now.
struct Underlay {
    /// The number of our mount's file system.
    private let mount: DeviceNumber
    private let view: HostView
    private var seen: Set<DeviceNumber> = []

    init(mount: DeviceNumber, view: HostView) {
        self.mount = mount
        self.view = view
    }

    /// How a file leads to our mount, in words; nil: it doesn't, as far as can be seen. The file is open
    /// with O_PATH.
    mutating func way(from file: FileDescriptor, _ status: stat) -> String? {
        if status.st_mode & S_IFMT == S_IFBLK {
            return way(block: DeviceNumber(statDevice: UInt64(status.st_rdev)))
        }
        let number = DeviceNumber(statDevice: UInt64(status.st_dev))
        // A block device that is mounted. Others have a number without a device.
        if number.major != 0 { return way(block: number) }
        guard let id = view.mountID(file) else { return nil }
        return view.mounts().first { $0.id == id }.flatMap { way(mount: $0) }
    }

    private mutating func way(mount entry: MountEntry) -> String? {
        if entry.number == mount { return entry.directory.string }
        if entry.number.major != 0 { return way(block: entry.number) }
        guard seen.insert(entry.number).inserted else { return nil }
        if entry.source.bytes.first == UInt8(ascii: "/"), let way = way(source: entry) {
            return way
        }
        for layer in Underlay.layers(entry) {
            if let way = way(path: layer) { return way }
        }
        return nil
    }

    private mutating func way(source entry: MountEntry) -> String? {
        guard let number = view.blockDevice(entry.source) else { return way(path: entry.source) }
        if let way = way(block: number) { return way }
        guard entry.fileSystemType == ByteString("btrfs") else { return nil }
        for number in btrfsDevices(with: number) {
            if let way = way(block: number) { return way }
        }
        return nil
    }

    /// All devices of the btrfs that has one of them. It is mounted from any.
    private func btrfsDevices(with one: DeviceNumber) -> [DeviceNumber] {
        for system in view.names("/sys/fs/btrfs") {
            let directory = "/sys/fs/btrfs/\(system.string)/devices"
            let numbers = view.names(directory).compactMap {
                number(in: "\(directory)/\($0.string)/dev")
            }
            if numbers.contains(one) { return numbers }
        }
        return []
    }

    /// The directories that an overlay shows.
    private static func layers(_ entry: MountEntry) -> [ByteString] {
        guard entry.fileSystemType == ByteString("overlay") else { return [] }
        return entry.options.flatMap { option -> [ByteString] in
            let words = option.bytes.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard words.count == 2,
                ["lowerdir", "lowerdir+", "datadir+", "upperdir"].contains(where: {
                    words[0].elementsEqual($0.utf8)
                })
            else { return [] }
            return words[1].split(separator: UInt8(ascii: ":")).map { ByteString($0) }
        }
    }

    private mutating func way(block number: DeviceNumber) -> String? {
        guard seen.insert(number).inserted else { return nil }
        let directory = "/sys/dev/block/\(number)"
        if var path = view.contents("\(directory)/loop/backing_file")?.bytes {
            if path.last == UInt8(ascii: "\n") { path.removeLast() }
            let path = ByteString(path)
            if let way = way(path: path) {
                return "loop device \(number) over \(path.string), \(way)"
            }
        }
        if view.contents("\(directory)/partition") != nil,
            let whole = self.number(in: "\(directory)/../dev"), let way = way(block: whole)
        {
            return way
        }
        for slave in view.names("\(directory)/slaves") {
            if let below = self.number(in: "\(directory)/slaves/\(slave.string)/dev"),
                let way = way(block: below)
            {
                return way
            }
        }
        return nil
    }

    /// What a path leads to, as a text: the mount at its longest beginning, and where several lie on
    /// each other there, each of them, since it may be older than the newest.
    private mutating func way(path: ByteString) -> String? {
        if let number = blockNode(path) { return way(block: number) }
        let above = view.mounts().filter { Underlay.isBelow(path, $0.directory) }
        guard let longest = above.map(\.directory.count).max() else { return nil }
        for entry in above where entry.directory.count == longest {
            if let way = way(mount: entry) { return way }
        }
        return nil
    }

    private static func isBelow(_ path: ByteString, _ directory: ByteString) -> Bool {
        guard directory.count > 1 else { return path.bytes.first == UInt8(ascii: "/") }
        return path.hasPrefix(directory)
            && (path.count == directory.count
                || path.bytes[directory.count] == UInt8(ascii: "/"))
    }

    /// The block device that the kernel has at a path below /dev.
    private func blockNode(_ path: ByteString) -> DeviceNumber? {
        let dev = ByteString("/dev/")
        guard path.hasPrefix(dev) else { return nil }
        // "!" in sysfs stands for "/" in the name of the node.
        let name = path.bytes[dev.count...].map {
            $0 == UInt8(ascii: "/") ? UInt8(ascii: "!") : $0
        }
        return number(in: "/sys/class/block/\(ByteString(name).string)/dev")
    }

    /// "7:0\n"
    private func number(in path: String) -> DeviceNumber? {
        guard let text = view.contents(path) else { return nil }
        let line = text.bytes.split(separator: UInt8(ascii: "\n")).first ?? []
        let parts: [UInt32] = line.split(separator: UInt8(ascii: ":")).compactMap {
            Digits.number($0)
        }
        guard parts.count == 2 else { return nil }
        return DeviceNumber(major: parts[0], minor: parts[1])
    }
}
