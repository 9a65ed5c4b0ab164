import DeviceMapper
import Glibc
import SystemPackage

/// Who is at the other end.
extension UnixSocket {
    /// The peer's user (SO_PEERCRED): a client's when it connected, a server's when it began to
    /// listen. Nil: unknown, to be refused.
    static func peerUser(_ descriptor: CInt) -> UInt32? {
        // struct ucred: pid, uid, gid.
        var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        let result = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
        guard result == 0, size == 12 else { return nil }
        let user = credentials.1
        return isCertain(user, map: userMap) ? user : nil
    }

    /// Whether a number stands for one user. In a user namespace all users that it doesn't know have
    /// one number, which a user of its own may have, too. `map`: /proc/self/uid_map.
    static func isCertain(_ user: UInt32, map: [UInt8]) -> Bool {
        guard user == unknownUser else { return true }
        return map.split(separator: UInt8(ascii: "\n")).contains { line in
            // The first number here, the first outside, how many.
            let words: [UInt64] = line.split(separator: UInt8(ascii: " ")).compactMap {
                Digits.number($0)
            }
            return words.count == 3 && (words[0]..<words[0] + words[2]).contains(UInt64(user))
        }
    }

    /// /proc/sys/kernel/overflowuid
    private static let unknownUser: UInt32 = 65534

    /// What is in /proc/self/uid_map, which is written once; empty: it can't be read. A server reads it
    /// before its clients come, who may leave it no descriptor.
    static let userMap: [UInt8] = {
        guard
            let file = try? FileDescriptor.open(
                "/proc/self/uid_map", .readOnly, options: .closeOnExec)
        else { return [] }
        defer { try? file.close() }
        var text = [UInt8](repeating: 0, count: 4096)
        let count = (try? text.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
        return Array(text[..<count])
    }()
}
