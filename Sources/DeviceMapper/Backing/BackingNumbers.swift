/// The numbers of backing files, and of what else has none of its own, for the life of the mount.
///
/// A table prints devices as numbers, and its lines must make the same table again. A file has no
/// device number, so each gets one of a second major, and keeps it.
package final class BackingNumbers: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    package let major: UInt32
    /// Guards the fields below. Leaf.
    private let lock = Lock(rank: .leaf, name: "BackingNumbers.lock")
    private var minors: [DeviceIdentity: UInt32] = [:]
    private var files: [(identity: DeviceIdentity, path: ByteString)] = []

    package init(major: UInt32) { self.major = major }

    /// The number of the file, which stands at `path` now. EOVERFLOW when 2^20 files have one.
    func number(_ identity: DeviceIdentity, path: ByteString) throws(DMError) -> DeviceNumber {
        lock.lock()
        defer { lock.unlock() }
        if let minor = minors[identity] {
            files[Int(minor)].path = path
            return DeviceNumber(major: major, minor: minor)
        }
        guard files.count < Limits.minors else {
            throw DMError(.overflow, "too many backing files")
        }
        let minor = UInt32(files.count)
        minors[identity] = minor
        files.append((identity, path))
        return DeviceNumber(major: major, minor: minor)
    }

    func file(_ number: DeviceNumber) -> (identity: DeviceIdentity, path: ByteString)? {
        guard number.major == major else { return nil }
        return lock.withLock {
            number.minor < files.count ? files[Int(number.minor)] : nil
        }
    }

    /// Where the file with that number stood when it was last opened; nil if there is none.
    package func path(_ number: DeviceNumber) -> ByteString? { file(number)?.path }
}
