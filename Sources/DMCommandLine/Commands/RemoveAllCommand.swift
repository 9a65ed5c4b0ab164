import DMControl
import DeviceMapper

/// `remove_all [--force] [--deferred]`: succeeds even if open devices are left.
enum RemoveAllCommand {
    static let page = CommandPage(
        usage: [""], summary: "remove all devices that are not open",
        details: """
            By force the others get a table that fails all I/O, and are tried again.
            """,
        options: [.deferred, .force],
        example: "dmfuse remove_all")

    static func run(_ invocation: Invocation) throws(Refusal) {
        try removeAll(invocation)
        guard invocation.options.force else { return }
        guard try !remaining(invocation).isEmpty else { return }
        try invocation.forAllDevices(silently: true) { device throws(Refusal) in
            do throws(Refusal) {
                try WipeTableCommand.wipe(device.address, invocation)
            } catch {
                invocation.diagnostics.note(error)
            }
        }
        try removeAll(invocation)
        let left = try remaining(invocation)
        guard !left.isEmpty else { return }
        let names = left.map(\.name.string).joined(separator: ", ")
        switch invocation.personality {
        case .dmsetup: invocation.diagnostics.warn("Unable to remove \(left.count) device(s).")
        case .dmfuse: invocation.diagnostics.warn("still open: \(names)")
        }
    }

    private static func removeAll(_ invocation: Invocation) throws(Refusal) {
        let deferred = invocation.options.deferred
        try invocation.daemon.run("remove_all", DeviceAddress()) { client throws(DMError) in
            try client.removeAll(deferred: deferred)
        }
    }

    private static func remaining(_ invocation: Invocation) throws(Refusal) -> [NameListEntry] {
        try invocation.daemon.run("names", DeviceAddress()) { client throws(DMError) in
            try client.list()
        }
    }
}
