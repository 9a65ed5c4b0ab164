import DMControl
import DeviceMapper

/// `wait DEVICE [EVENT]`: sleeps until the device's event number is another than EVENT (0).
enum WaitCommand {
    static let page = CommandPage(
        usage: ["DEVICE [EVENT]"], summary: "wait for a device's next event",
        details: """
            Returns when the device's event number is another than EVENT (0 unless told).
            """,
        options: [.noFlush] + CommandPage.deviceOptions,
        example: "dmfuse wait x 3", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.deviceBeforeWords()
        let event = invocation.words.last.map { UInt32(bitPattern: Decimal.atoi($0.bytes)) } ?? 0
        let noFlush = invocation.options.noFlush
        invocation.console.flush()
        let (status, _) = try invocation.daemon.run("waitevent", address) {
            client throws(DMError) in
            try client.wait(address.reference, eventNumber: event, noflush: noFlush)
        }
        try invocation.showInfoIfVerbose(status)
    }
}
