import DMControl
import DeviceMapper

/// `setgeometry DEVICE CYLINDERS HEADS SECTORS START`.
enum GeometryCommand {
    static let page = CommandPage(
        usage: ["DEVICE CYLINDERS HEADS SECTORS START"],
        summary: "set a device's geometry, which HDIO_GETGEO tells",
        options: CommandPage.deviceOptions,
        example: "dmfuse setgeometry x 64 16 32 0", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.deviceBeforeWords()
        let text = invocation.words.prefix(4).joined(separator: " ")
        try invocation.daemon.run("setgeometry", address) { client throws(DMError) in
            try client.setGeometry(address.reference, text)
        }
    }
}

extension ControlClient {
    /// Sets a device's geometry: "cylinders heads sectors start". EINVAL for anything else.
    fileprivate func setGeometry(_ device: DeviceReference, _ text: ByteString) throws(DMError) {
        var head = DMIoctl()
        switch device {
        case .name(let name): head.name = name
        case .uuid(let uuid): head.uuid = uuid
        case .number(let number): head.device = number.encoded
        }
        var request = head.request(size: DMIoctl.size + text.count + 1)
        request.replaceSubrange(DMIoctl.size..<(DMIoctl.size + text.count), with: text.bytes)
        let reply = try call(CommandNumber(.deviceSetGeometry), request)
        if let errno = reply.errno { throw DMError(errno, reply.reason) }
    }
}
