package import DeviceMapper
import SystemPackage

/// One record of a LIST_VERSIONS or GET_TARGET_VERSION reply (`struct dm_target_versions`).
///
/// u32 next from the start of this record (0: the last), u32 version[3], the name and its NUL,
/// padding to 8.
package struct TargetVersionEntry: Hashable, Sendable {
    static let nameOffset = 16

    package var name: ByteString
    package var version: InterfaceVersion

    package init(name: ByteString, version: InterfaceVersion) {
        self.name = name
        self.version = version
    }

    /// The room that the kernel asks for (`list_version_get_needed`): the most that alignment
    /// takes.
    var neededSize: Int { TargetVersionEntry.nameOffset + name.count + 1 + 7 }

    /// Writes the record at `offset` and gives the offset of the next one. There must be
    /// `neededSize` bytes; padding stays as it was.
    func write(into bytes: inout [UInt8], at offset: Int, isLast: Bool) -> Int {
        let next = aligned(TargetVersionEntry.nameOffset + name.count + 1)
        bytes.set(isLast ? 0 : UInt32(truncatingIfNeeded: next), at: offset)
        bytes.set(version.major, at: offset + 4)
        bytes.set(version.minor, at: offset + 8)
        bytes.set(version.patch, at: offset + 12)
        bytes.setCString(name.bytes, at: offset + TargetVersionEntry.nameOffset)
        return offset + next
    }

    /// The records of a reply. EPROTO: it contradicts itself.
    package static func decode(
        _ bytes: [UInt8], dataStart: UInt32
    ) throws(DMError) -> [TargetVersionEntry] {
        var entries: [TargetVersionEntry] = []
        var position = Int(dataStart)
        guard position < bytes.count else { return [] }
        while true {
            let name = position + nameOffset
            guard name < bytes.count, let end = bytes.firstNUL(from: name, end: bytes.count) else {
                throw DMError(.protocolError, "the list of targets is cut")
            }
            entries.append(
                TargetVersionEntry(
                    name: ByteString(bytes[name..<end]),
                    version: InterfaceVersion(
                        bytes.number(at: position + 4), bytes.number(at: position + 8),
                        bytes.number(at: position + 12))))
            let next: UInt32 = bytes.number(at: position)
            if next == 0 { return entries }
            position += Int(next)
        }
    }
}
