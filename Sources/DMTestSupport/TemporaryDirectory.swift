package import DeviceMapper
package import Glibc
package import SystemPackage

/// A directory of its own for a test, taken away with everything in it at the end.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// `parent`: a directory of a certain file system, if it matters.
    package init(in parent: String? = nil) throws(DMError) {
        let base = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/dmfuse-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return nil }
            return String(cString: start)
        }
        guard let made else { throw DMError(Errno(rawValue: errno)) }
        path = made
    }

    deinit { TemporaryDirectory.removeTree(path) }

    /// A file of so many bytes, all zero but for `bytes` at the start. Returns its path.
    @discardableResult
    package func file(
        _ name: String, size: Int, _ bytes: [UInt8] = [], mode: mode_t = 0o600
    ) throws(DMError) -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw DMError(Errno(rawValue: errno)) }
        defer { Glibc.close(descriptor) }
        guard ftruncate(descriptor, size) == 0,
            pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
        else { throw DMError(Errno(rawValue: errno)) }
        return file
    }

    /// So many bytes of a file from an offset on.
    package func bytes(_ name: String, _ offset: Int, _ count: Int) -> [UInt8] {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = pread(descriptor, &bytes, count, offset)
        return Array(bytes.prefix(max(read, 0)))
    }

    /// The directory as a client's working directory comes: an O_PATH descriptor. The caller closes
    /// it.
    package func descriptor() throws(DMError) -> FileDescriptor {
        let descriptor = open(path, OpenFlags.path | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DMError(Errno(rawValue: errno)) }
        return FileDescriptor(rawValue: descriptor)
    }

    private static func removeTree(_ path: String) {
        guard let directory = opendir(path) else { return }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                        String(cString: $0)
                    }
                })
        }
        closedir(directory)
        for name in names where name != "." && name != ".." {
            let child = "\(path)/\(name)"
            if unlink(child) != 0 { removeTree(child) }
        }
        rmdir(path)
    }
}
