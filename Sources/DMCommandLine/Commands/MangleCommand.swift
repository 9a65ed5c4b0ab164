import DMControl
import DeviceMapper

/// `mangle [DEVICE...]`: renames what was created with a name that udev wouldn't accept, or the
/// other way round with `--manglename none`.
enum MangleCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."],
        summary: "bring names with unusual characters into the form that udev takes",
        options: [.mangleName, .select] + CommandPage.deviceOptions,
        example: "dmfuse mangle", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let mode = invocation.options.givenMangling ?? .auto
        try invocation.forEachDevice { device throws(Refusal) in
            let daemon = invocation.daemon
            let found = try daemon.ifExists { () throws(Refusal) in
                try daemon.run("status", device.address) { client throws(DMError) in
                    try client.info(device.address.reference)
                }
            }
            guard let status = found else {
                // dmsetup says nothing of it.
                throw Refusal([], cause: Refusal.doesNotExist.cause)
            }
            try mangle(status, mode, invocation)
        }
    }

    private static func mangle(
        _ status: DeviceStatus, _ mode: Mangling.Mode, _ invocation: Invocation
    ) throws(Refusal) {
        let (name, uuid) = (status.name, status.uuid)
        let newName: ByteString
        let newUUID: ByteString
        if mode == .none {
            (newName, newUUID) = (Mangling.decoded(name), Mangling.decoded(uuid))
        } else {
            newName = try mangled(name, .name, "rename the device")
            newUUID = try mangled(uuid, .uuid, "change the device UUID")
        }
        guard uuid == newUUID else {
            throw Refusal([
                "\(name.string): \(uuid.string): UUID in incorrect form. ",
                "Unable to change device UUID. The device must be deactivated first.",
            ])
        }
        guard name != newName else {
            let shown = uuid.isEmpty ? "[no UUID]" : uuid
            let both = uuid.isEmpty ? "" : "and UUID "
            invocation.console.print(
                ByteString("\(name): \(shown): name \(both)already in correct form\n").bytes)
            return
        }
        invocation.console.print(ByteString("\(name): renaming to \(newName)\n").bytes)
        try invocation.daemon.run("rename", DeviceAddress(name: name)) { client throws(DMError) in
            _ = try client.rename(name, to: newName)
        }
    }

    private static func mangled(
        _ string: ByteString, _ kind: Mangling.Kind, _ remedy: String
    ) throws(Refusal) -> ByteString {
        guard !Mangling.isTwiceMangled(string) else {
            let noun = kind == .name ? "name" : "UUID"
            throw Refusal(
                "The \(noun) \"\(string.string)\" seems to be mangled more than once. "
                    + "Manual intervention required to \(remedy).")
        }
        return try Mangling.mangledForReport(string, kind, mode: .none)
    }
}
