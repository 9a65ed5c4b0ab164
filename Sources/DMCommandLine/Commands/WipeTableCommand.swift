import DMControl
import DeviceMapper

/// `wipe_table DEVICE...`: swaps in a table of the same size that fails all I/O, so that the
/// devices under it are let go. `remove --force` and `remove_all --force` begin with it.
enum WipeTableCommand {
    static let page = CommandPage(
        usage: ["DEVICE..."], summary: "give devices a table that fails all I/O",
        details: """
            By force what is under way is not waited for.
            """,
        options: [.force, .noFlush, .noLockFS, .select],
        example: "dmfuse wipe_table x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        guard let name = invocation.words.first, !name.isEmpty else {
            throw Refusal("No device specified.")
        }
        try wipe(try invocation.daemon.address(named: name), invocation)
    }

    static func wipe(_ address: DeviceAddress, _ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        let lines = [
            TableLine(
                start: 0, length: size(of: address, invocation), targetType: ByteString("error"),
                parameters: .empty)
        ]
        _ = try daemon.load(address, lines, readOnly: options.readOnly)
        do {
            // By force: don't wait for a flush that may never end.
            try daemon.run("resume", address) { client throws(DMError) in
                _ = try client.resume(
                    address.reference, noflush: options.force || options.noFlush,
                    skipLockFS: options.force || options.noLockFS)
            }
        } catch {
            try? daemon.run("clear", address) { client throws(DMError) in
                _ = try client.clear(address.reference)
            }
            throw error
        }
    }

    /// Sectors of the live table; 0 without one.
    private static func size(of address: DeviceAddress, _ invocation: Invocation) -> UInt64 {
        let inactive = invocation.options.inactive
        do {
            let lines = try invocation.daemon.run("table", address) { client throws(DMError) in
                try client.table(address.reference, inactive: inactive).1
            }
            return lines.reduce(0) { $0 &+ $1.length }
        } catch {
            invocation.diagnostics.note(error)
            return 0
        }
    }
}
