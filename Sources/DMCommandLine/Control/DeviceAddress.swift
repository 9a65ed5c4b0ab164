import DMControl
import DeviceMapper

/// How a command names its device, and how dmsetup prints that in a refusal.
struct DeviceAddress {
    /// In the form that device-mapper holds it.
    var name: ByteString?
    var uuid: ByteString?
    var number: (major: Int32, minor: Int32)?

    /// What to look the device up by: its number, where both are known, since libdevmapper does so
    /// after a create.
    var reference: DeviceReference {
        if let number {
            let major = UInt32(bitPattern: number.major)
            // As the kernel decodes it.
            let minor = UInt32(bitPattern: number.minor) & 0xf_ffff
            return .number(DeviceNumber(major: major, minor: minor))
        }
        if let uuid { return .uuid(uuid) }
        return .name(name ?? .empty)
    }

    /// "NAME UUID(MAJOR:MINOR)", with what isn't known left out but for the blank.
    var asInLibraryMessages: String {
        var text = "\(name?.string ?? "") \(uuid?.string ?? "")"
        if let number, number.major > 0 {
            text += "(\(number.major):\(number.minor >= 0 ? "\(number.minor)" : ""))"
        }
        return text
    }

    /// For people.
    var description: String {
        if let name { return name.string }
        if let uuid { return uuid.string }
        if let number { return "\(number.major):\(number.minor)" }
        return ""
    }
}
