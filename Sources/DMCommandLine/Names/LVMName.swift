import DeviceMapper

/// The parts of a device's name as LVM composes it: `vg-lv-layer`, with hyphens inside a part
/// doubled.
struct LVMName: Equatable {
    var subsystem: ByteString
    var volumeGroup = ByteString.empty
    var logicalVolume = ByteString.empty
    var layer = ByteString.empty

    /// `subsystem` other than "LVM": the name isn't LVM's and has no parts.
    init(_ name: ByteString, subsystem: ByteString) {
        self.subsystem = subsystem
        guard subsystem == ByteString("LVM") else { return }
        var rest = name.bytes[...]
        volumeGroup = Self.part(&rest)
        logicalVolume = Self.part(&rest)
        layer = Self.part(&rest)
    }

    /// The subsystem is what stands before the first hyphen of the uuid.
    init(_ name: ByteString, uuid: ByteString) {
        let end = uuid.bytes.firstIndex(of: Self.hyphen)
        let subsystem = end.map { ByteString(uuid.bytes[..<$0]) }
        self.init(name, subsystem: subsystem ?? .empty)
    }

    private static let hyphen = UInt8(ascii: "-")

    /// Up to a single hyphen, which is dropped. One at the very end belongs to the part.
    private static func part(_ rest: inout ArraySlice<UInt8>) -> ByteString {
        var part: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == hyphen, let next = rest.first {
                guard next == hyphen else { break }
                rest.removeFirst()
            }
            part.append(byte)
        }
        return ByteString(part)
    }
}
