import CLinux
import Glibc
import SystemPackage

/// What the kernel tells of this host's devices and mounts. Tests put their own in.
struct HostView {
    /// Of a file of sysfs or procfs; nil: there is none.
    var contents: (_ path: String) -> ByteString?
    /// What is in a directory of sysfs.
    var names: (_ directory: String) -> [ByteString]
    var mounts: () -> [MountEntry]
    /// The mount that an open file is on, as /proc/self/mountinfo numbers it.
    var mountID: (_ file: FileDescriptor) -> UInt32?
    /// The block device that a node below /dev, or a link there, stands for. Asks no file system that may
    /// not answer.
    var blockDevice: (_ path: ByteString) -> DeviceNumber?

    static var host: HostView {
        HostView(
            contents: contents, names: { DirectoryNames.read(ByteString($0)) },
            mounts: { (try? MountTable.read()) ?? [] },
            mountID: mountID, blockDevice: blockDevice)
    }

    private static func contents(_ path: String) -> ByteString? {
        guard
            let file = try? FileDescriptor.open(
                FilePath(path), .readOnly, options: .closeOnExec)
        else { return nil }
        defer { try? file.close() }
        // A file of sysfs is a page at most.
        var text = [UInt8](repeating: 0, count: 4096)
        let count = try? text.withUnsafeMutableBytes { try file.read(into: $0) }
        return count.map { ByteString(text[..<$0]) }
    }

    private static func mountID(_ file: FileDescriptor) -> UInt32? {
        let text = contents("/proc/self/fdinfo/\(file.rawValue)")?.bytes ?? []
        let word = "mnt_id:\t".utf8
        let line = text.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: word) }
        return line.flatMap { Digits.number($0.dropFirst(word.count)) }
    }

    /// Looked up without leaving the file system at /dev, which is the kernel's own: a link, "..", or
    /// another mount below could lead to one that doesn't answer. A source is any text of whoever mounted.
    private static func blockDevice(_ path: ByteString) -> DeviceNumber? {
        let front = ByteString("/dev/")
        guard path.hasPrefix(front) else { return nil }
        let directory = open("/dev", OpenFlags.path | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        let name = ByteString(path.bytes[front.count...])
        let node = name.withCString { clinux_open_path_within(directory, $0) }
        guard node >= 0 else { return nil }
        defer { close(node) }
        var status = stat()
        guard fstat(node, &status) == 0, status.st_mode & S_IFMT == S_IFBLK else { return nil }
        return DeviceNumber(statDevice: UInt64(status.st_rdev))
    }
}
