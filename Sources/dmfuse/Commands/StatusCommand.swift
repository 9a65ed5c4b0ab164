import DMControl
import DeviceMapper

/// `status [--target TYPE] [--noflush] [DEVICE...]`.
enum StatusCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        try invocation.forEachDevice { device throws(Refusal) in
            let reply = try daemon.ifExists { () throws(Refusal) in
                try daemon.run("status", device.address) { client throws(DMError) in
                    try client.status(
                        device.address.reference, inactive: options.inactive,
                        noflush: options.noFlush)
                }
            }
            guard let reply else { throw .doesNotExist }
            try LinePrinter.print(reply.0, reply.1, of: device, invocation)
        }
    }
}
