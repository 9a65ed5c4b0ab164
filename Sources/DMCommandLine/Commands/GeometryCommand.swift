import DMControl
import DeviceMapper

/// `setgeometry DEVICE CYLINDERS HEADS SECTORS START`.
enum GeometryCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.deviceBeforeWords()
        let text = invocation.words.prefix(4).joined(separator: " ")
        try invocation.daemon.run("setgeometry", address) { client throws(DMError) in
            try client.setGeometry(address.reference, text)
        }
    }
}
