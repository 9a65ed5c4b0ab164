import DMControl
import DeviceMapper

/// `setgeometry DEVICE CYLINDERS HEADS SECTORS START`.
enum GeometryCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.deviceBeforeWords()
        let words = invocation.words.prefix(4).map(\.bytes)
        let text = ByteString(words.joined(separator: [UInt8(ascii: " ")]))
        try invocation.daemon.run("setgeometry", address) { client throws(DMError) in
            try client.setGeometry(address.reference, text)
        }
    }
}
