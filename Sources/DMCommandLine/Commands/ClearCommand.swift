import DMControl
import DeviceMapper

/// `clear DEVICE...`: drops the inactive table.
enum ClearCommand {
    static let page = CommandPage(
        usage: ["DEVICE..."], summary: "drop the inactive table of devices",
        options: [.select] + CommandPage.deviceOptions,
        example: "dmfuse clear x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        try invocation.change("clear") { client, device throws(DMError) in
            try client.clear(device)
        }
    }
}
