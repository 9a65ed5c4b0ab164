import SystemPackage

/// What may be a device's name or uuid.
package enum DeviceNames {
    /// EINVAL: empty, too long, contains "/", or is "control", "." or ".." (`check_name`).
    package static func checkName(_ name: ByteString) throws(DMError) {
        guard !name.isEmpty else {
            throw DMError(.invalidArgument, "name not supplied when creating device")
        }
        guard name.count <= Limits.nameBytes, !name.bytes.contains(0) else {
            throw DMError(.invalidArgument, "device name is too long")
        }
        guard !name.bytes.contains(UInt8(ascii: "/")), !reserved.contains(name) else {
            throw DMError(.invalidArgument, "invalid device name")
        }
    }

    /// EINVAL: too long.
    package static func checkUUID(_ uuid: ByteString) throws(DMError) {
        guard uuid.count <= Limits.uuidBytes, !uuid.bytes.contains(0) else {
            throw DMError(.invalidArgument, "device uuid is too long")
        }
    }

    private static let reserved: Set<ByteString> = [
        ByteString("control"), ByteString("."), ByteString(".."),
    ]
}
