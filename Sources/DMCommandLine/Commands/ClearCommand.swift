import DMControl
import DeviceMapper

/// `clear DEVICE...`: drops the inactive table.
enum ClearCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        try invocation.change("clear") { client, device throws(DMError) in
            try client.clear(device)
        }
    }
}
