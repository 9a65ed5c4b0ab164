import DMControl
import DeviceMapper

/// `rename DEVICE NEW`, `rename DEVICE --setuuid UUID`.
enum RenameCommand {
    static let page = CommandPage(
        usage: ["DEVICE NEW_NAME", "DEVICE --setuuid UUID"],
        summary: "rename a device, or give it a uuid",
        options: [.setUUID] + CommandPage.deviceOptions,
        example: "dmfuse rename x y", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let address: DeviceAddress
        if invocation.words.count == 2, let name = invocation.words.popFirst() {
            address = try invocation.daemon.address(named: name)
        } else {
            address = try invocation.deviceFromOptions()
        }
        let new = invocation.words.first ?? .empty
        if invocation.options.setUUID {
            try setUUID(address, to: new, invocation)
        } else {
            try rename(address, to: new, invocation)
        }
    }

    static func rename(
        _ address: DeviceAddress, to new: ByteString, _ invocation: Invocation
    ) throws(Refusal) {
        let daemon = invocation.daemon
        guard !new.bytes.contains(UInt8(ascii: "/")) else {
            throw Refusal("Name \"\(new.string)\" invalid. It contains \"/\".")
        }
        guard new.count < Mangling.Kind.newName.capacity else {
            throw Refusal("Name \"\(new.string)\" too long")
        }
        guard !new.isEmpty else { throw Refusal("Non empty new name is required.") }
        let mangled = try Mangling.mangle(new, .newName, mode: daemon.mangling)
        let name = try oldName(address, invocation)
        try daemon.run("rename", address) { client throws(DMError) in
            _ = try client.rename(name, to: mangled)
        }
    }

    private static func setUUID(
        _ address: DeviceAddress, to new: ByteString, _ invocation: Invocation
    ) throws(Refusal) {
        let daemon = invocation.daemon
        guard new.count < Mangling.Kind.newUUID.capacity else {
            throw Refusal("Uuid \"\(new.string)\" too long")
        }
        let mangled = try Mangling.mangle(new, .newUUID, mode: daemon.mangling)
        let name = try oldName(address, invocation)
        try daemon.run("rename", address) { client throws(DMError) in
            _ = try client.setUUID(name, to: mangled)
        }
    }

    /// Device-mapper renames by name alone. dmsetup leaves it at that (ENXIO for a device given by
    /// uuid or number); we look the name up.
    private static func oldName(
        _ address: DeviceAddress, _ invocation: Invocation
    ) throws(Refusal) -> ByteString {
        if let name = address.name { return name }
        guard invocation.personality == .dmfuse else { return .empty }
        return try invocation.daemon.run("info", address) { client throws(DMError) in
            try client.info(address.reference).name
        }
    }
}
