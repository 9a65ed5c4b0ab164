import DMControl
import DeviceMapper
import SystemPackage

/// `remove [--force] [--retry] [--deferred] DEVICE...`
enum RemoveCommand {
    static let page = CommandPage(
        usage: ["DEVICE..."], summary: "remove devices",
        details: """
            A device that is open, or used by another, is busy. By force a table that fails all I/O \
            takes the place of its own, so that the devices below are let go; what is open stays.
            """,
        options: [.deferred, .force, .retry, .select] + CommandPage.deviceOptions,
        example: "dmfuse remove --retry x", words: .devices)

    /// libdevmapper's patience with a device that something opened for a moment.
    private static let attempts = 25
    private static let pauseMilliseconds: UInt32 = 200

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        let address = try invocation.device()
        if options.force, !invocation.words.isEmpty {
            do {
                try WipeTableCommand.wipe(address, invocation)
            } catch {
                invocation.diagnostics.note(error)
            }
        }
        var attempt = 1
        while true {
            do {
                try daemon.run("remove", address) { client throws(DMError) in
                    _ = try client.remove(address.reference, deferred: options.deferred)
                }
                return
            } catch {
                guard options.retry, error.errno == .resourceBusy, attempt < attempts else {
                    throw error
                }
                invocation.diagnostics.note(error)
            }
            attempt += 1
            invocation.surroundings.sleep(pauseMilliseconds)
        }
    }
}
