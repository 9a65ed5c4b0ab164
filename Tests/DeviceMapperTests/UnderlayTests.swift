import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// A host of a few devices and mounts, by what the kernel shows of them.
private struct Host {
    var files: [String: String] = [:]
    var directories: [String: [String]] = [:]
    var mounts: [MountEntry] = []
    var nodes: [String: DeviceNumber] = [:]

    static let ours = DeviceNumber(major: 0, minor: 50)

    init() {
        mount(1, 254, 0, "/", "ext4", "/dev/vda")
        mount(2, 0, 5, "/dev", "devtmpfs", "devtmpfs")
        mount(3, 0, 50, "/mnt/dm", "fuse.dmfuse", "dmfuse")
        mount(4, 0, 51, "/mnt/other", "fuse.dmfuse", "dmfuse")
        mount(5, 0, 60, "/tmp", "tmpfs", "none")
    }

    mutating func mount(
        _ id: UInt32, _ major: UInt32, _ minor: UInt32, _ directory: String, _ type: String,
        _ source: String, options: [String] = []
    ) {
        mounts.append(
            MountEntry(
                id: id, parent: 1, number: DeviceNumber(major: major, minor: minor),
                directory: ByteString(directory), fileSystemType: ByteString(type),
                source: ByteString(source), options: options.map { ByteString($0) }))
    }

    mutating func loop(_ minor: Int, over path: String) {
        files["/sys/dev/block/7:\(minor)/loop/backing_file"] = path + "\n"
        files["/sys/class/block/loop\(minor)/dev"] = "7:\(minor)\n"
        nodes["/dev/loop\(minor)"] = DeviceNumber(major: 7, minor: UInt32(minor))
    }

    mutating func slave(_ name: String, _ number: String, of device: String) {
        directories["/sys/dev/block/\(device)/slaves", default: []].append(name)
        files["/sys/dev/block/\(device)/slaves/\(name)/dev"] = number + "\n"
    }

    /// Of a file on the mount with that number, or of a block device.
    func way(mount id: UInt32 = 0, device: UInt64 = 0, block: UInt64? = nil) -> String? {
        let view = HostView(
            contents: { files[$0].map { ByteString($0) } },
            names: { (directories[$0] ?? []).map { ByteString($0) } }, mounts: { mounts },
            mountID: { _ in id }, blockDevice: { nodes[$0.string] })
        var status = stat()
        status.st_mode = block == nil ? S_IFREG : S_IFBLK
        status.st_dev = dev_t(device)
        status.st_rdev = dev_t(block ?? 0)
        var underlay = Underlay(mount: Host.ours, view: view)
        return underlay.way(from: FileDescriptor(rawValue: -1), status)
    }
}

@Suite struct UnderlayTests {
    private static let disk: UInt64 = 254 << 8
    private static let loop: UInt64 = 7 << 8

    @Test("what doesn't lead to the mount is taken")
    func innocent() {
        var host = Host()
        host.loop(0, over: "/home/disk")
        host.loop(1, over: "/mnt/other/dm-0")
        host.loop(2, over: "/mnt/dm-not/disk")
        host.loop(3, over: "/tmp/disk (deleted)")
        #expect(host.way(device: Self.disk) == nil)
        #expect(host.way(mount: 5, device: 60) == nil)
        #expect(host.way(mount: 4, device: 51) == nil)
        #expect(host.way(mount: 99, device: 61) == nil)
        for minor in 0..<4 { #expect(host.way(device: Self.loop | UInt64(minor)) == nil) }
        #expect(host.way(block: Self.loop) == nil)
    }

    @Test("a file system on a loop device over a device, and the loop device itself")
    func loop() {
        var host = Host()
        host.loop(0, over: "/mnt/dm/dm-0")
        let way = "loop device 7:0 over /mnt/dm/dm-0, /mnt/dm"
        #expect(host.way(device: Self.loop) == way)
        #expect(host.way(block: Self.loop) == way)
    }

    @Test("however deep: partitions, slaves, loop devices over files and over loop devices")
    func deep() {
        var host = Host()
        host.loop(0, over: "/mnt/dm/dm-0")
        host.files["/sys/dev/block/259:1/partition"] = "1\n"
        host.files["/sys/dev/block/259:1/../dev"] = "7:0\n"
        host.mount(10, 259, 1, "/one", "ext4", "/dev/loop0p1")
        host.loop(1, over: "/one/file")
        host.slave("vda", "254:0", of: "9:0")
        host.slave("loop1", "7:1", of: "9:0")
        host.mount(11, 9, 0, "/one/two", "xfs", "/dev/md0")
        host.loop(2, over: "/one/two/file")
        host.loop(3, over: "/dev/loop2")
        #expect(host.way(device: Self.loop | 3) != nil)
        #expect(host.way(device: Self.loop | 2) != nil)
        #expect(host.way(device: 9 << 8) != nil)
    }

    @Test("where the mount is bound, and where another one covers it")
    func elsewhere() {
        var host = Host()
        host.mount(10, 0, 50, "/bound", "fuse.dmfuse", "dmfuse")
        host.loop(0, over: "/bound/dm-0")
        host.mount(11, 0, 61, "/mnt/dm", "tmpfs", "none")
        host.loop(1, over: "/mnt/dm/dm-0")
        #expect(host.way(device: Self.loop) != nil)
        #expect(host.way(device: Self.loop | 1) != nil)
    }

    @Test("file systems that have no device of their own: by what they were mounted from")
    func anonymous() {
        var host = Host()
        host.loop(0, over: "/mnt/dm/dm-0")
        host.loop(1, over: "/home/disk")
        host.directories["/sys/fs/btrfs"] = ["features", "uuid"]
        host.directories["/sys/fs/btrfs/uuid/devices"] = ["loop1", "loop0"]
        host.files["/sys/fs/btrfs/uuid/devices/loop0/dev"] = "7:0\n"
        host.files["/sys/fs/btrfs/uuid/devices/loop1/dev"] = "7:1\n"
        host.mount(10, 0, 70, "/btrfs", "btrfs", "/dev/loop1")
        #expect(host.way(mount: 10, device: 71) != nil)

        host.mount(11, 0, 72, "/fuse", "fuse.fuse2fs", "/mnt/dm/dm-3")
        #expect(host.way(mount: 11, device: 72) != nil)

        host.mount(
            12, 0, 73, "/merged", "overlay", "overlay",
            options: ["rw", "lowerdir=/usr:/btrfs/lower", "upperdir=/tmp/upper"])
        #expect(host.way(mount: 12, device: 73) != nil)
        host.mount(
            13, 0, 74, "/merged2", "overlay", "overlay",
            options: ["rw", "lowerdir=/usr", "upperdir=/tmp/upper"])
        #expect(host.way(mount: 13, device: 74) == nil)
    }

    @Test("what stands on itself has an end")
    func circle() {
        var host = Host()
        host.loop(0, over: "/one/file")
        host.mount(10, 7, 0, "/one", "ext4", "/dev/loop0")
        host.mount(11, 0, 70, "/a", "overlay", "o", options: ["lowerdir=/b"])
        host.mount(12, 0, 71, "/b", "overlay", "o", options: ["lowerdir=/a"])
        #expect(host.way(device: Self.loop) == nil)
        #expect(host.way(mount: 11, device: 70) == nil)
    }

    @Test(
        "a mount's source is looked up in the file system at /dev alone, which answers always",
        .enabled(if: node != nil, "no block device has a node in the file system at /dev"))
    func source() throws {
        let name = try #require(Self.node)
        let find = HostView.host.blockDevice
        #expect(find(ByteString("/dev/\(name)")) != nil)
        #expect(find(ByteString("/dev/./\(name)")) != nil)
        // Out of it and back: what is on the way may be anybody's, and its daemon stopped.
        #expect(find(ByteString("/dev/../dev/\(name)")) == nil)
        #expect(find(ByteString("/dev/../proc/self/root/dev/\(name)")) == nil)
        // Others.
        for path in ["", "/", "/dev", "/dev/", "/dev/null", "/dev/none", "dev/\(name)"] {
            #expect(find(ByteString(path)) == nil)
        }
    }

    /// A block device with a node right in /dev, which no other mount covers.
    private static let node: String? = {
        var directory = stat()
        guard stat("/dev", &directory) == 0 else { return nil }
        return DirectoryNames.read("/sys/class/block").map(\.string).sorted().first { name in
            var status = stat()
            return lstat("/dev/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
                && status.st_dev == directory.st_dev
        }
    }()
}
