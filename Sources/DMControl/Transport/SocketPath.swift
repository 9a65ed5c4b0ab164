import DeviceMapper
import Glibc
import SystemPackage

/// A unix socket's address. `sun_path` holds 107 bytes and a NUL; a longer path is reached through
/// a descriptor of what it names, by /proc/self/fd.
struct SocketPath {
    private static let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    let path: ByteString

    init(_ path: ByteString) { self.path = path }

    /// Calls `body` with an address that leads to the existing socket. ENOENT and what else open(2)
    /// says.
    func withAddressOfSocket(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(DMError) -> CInt {
        guard path.count > SocketPath.longest else {
            return try SocketPath.withAddress(path, body)
        }
        let socket = try SocketPath.open(path, flags: 0)
        defer { close(socket) }
        return try SocketPath.withAddress("/proc/self/fd/\(socket)", body)
    }

    /// Calls `body` with an address to bind to. The directory exists, the socket does not.
    /// ENAMETOOLONG: the last component alone is too long.
    func withAddressToBind(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(DMError) -> CInt {
        guard path.count > SocketPath.longest,
            let slash = path.bytes.lastIndex(of: UInt8(ascii: "/"))
        else {
            return try SocketPath.withAddress(path, body)
        }
        let parent = slash == 0 ? "/" : ByteString(path.bytes[..<slash])
        let directory = try SocketPath.open(parent, flags: O_DIRECTORY)
        defer { close(directory) }
        let name = ByteString(path.bytes[(slash + 1)...])
        return try SocketPath.withAddress("/proc/self/fd/\(directory)/\(name)", body)
    }

    private static func open(_ path: ByteString, flags: CInt) throws(DMError) -> CInt {
        let descriptor = path.withCString {
            Glibc.open($0, OpenFlags.path | O_CLOEXEC | flags)
        }
        guard descriptor >= 0 else { throw DMError(.current, path.string) }
        return descriptor
    }

    private static func withAddress(
        _ path: ByteString, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(DMError) -> CInt {
        guard path.count <= longest, !path.bytes.contains(0) else {
            throw DMError(.fileNameTooLong, path.string)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.bytes) }
        return withUnsafeBytes(of: &address) { raw in
            guard let base = raw.baseAddress else { return -1 }
            return body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
    }
}

extension Errno {
    /// The C `errno`: to be read in the statement after the failed call.
    static var current: Errno { Errno(rawValue: Glibc.errno) }
}
