import DMControl
import DeviceMapper

/// `status [--target TYPE] [--noflush] [DEVICE...]`, and `measure`, which asks for another text.
enum StatusCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."], summary: "show what the targets of devices say of their state",
        details: """
            Of all devices where none is named.
            """,
        options: [.target, .inactive, .noFlush, .exec, .select] + CommandPage.deviceOptions,
        example: "dmfuse status x", words: .devices)
    static let measurePage = CommandPage(
        usage: ["[DEVICE]..."], summary: "show what the targets of devices measure",
        options: [.target, .inactive, .noFlush, .select] + CommandPage.deviceOptions,
        example: "dmfuse measure x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        try run(invocation, measure: false)
    }

    static func measure(_ invocation: Invocation) throws(Refusal) {
        try run(invocation, measure: true)
    }

    private static func run(_ invocation: Invocation, measure: Bool) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        try invocation.forEachDevice { device throws(Refusal) in
            let reply = try daemon.ifExists { () throws(Refusal) in
                try daemon.run("status", device.address) { client throws(DMError) in
                    try (measure ? client.measurement : client.status)(
                        device.address.reference, options.inactive, options.noFlush)
                }
            }
            guard let reply else { throw .doesNotExist }
            try LinePrinter.print(reply.0, reply.1, of: device, invocation)
        }
    }
}
