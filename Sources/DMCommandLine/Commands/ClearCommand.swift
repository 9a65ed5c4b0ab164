import DMControl
import DeviceMapper

/// `clear DEVICE...`: drops the inactive table.
enum ClearCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.device()
        let status = try invocation.daemon.run("clear", address) { client throws(DMError) in
            try client.clear(address.reference)
        }
        try invocation.showInfoIfVerbose(status)
    }
}
