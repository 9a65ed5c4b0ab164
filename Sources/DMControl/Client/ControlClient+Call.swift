import DeviceMapper
import SystemPackage

extension ControlClient {
    /// A successful reply: its head, and its bytes, as long as the head says.
    struct Answer {
        var head: DMIoctl
        var bytes: [UInt8]

        var status: DeviceStatus { DeviceStatus(head) }
    }

    /// A command without data: 305 bytes there and back.
    func ask(_ command: DMCommand, _ head: DMIoctl) throws(DMError) -> Answer {
        try ask(CommandNumber(command), head.request(size: DMIoctl.dataOffset))
    }

    /// A command whose reply has data: the buffer grows until it fits. `data` stands at
    /// `dataStart`.
    func askGrowing(
        _ number: CommandNumber, _ head: DMIoctl, data: [UInt8] = []
    ) throws(DMError) -> Answer {
        bufferSize = max(bufferSize, DMIoctl.size + data.count)
        while true {
            var request = head.request(size: bufferSize)
            request.replaceSubrange(DMIoctl.size..<(DMIoctl.size + data.count), with: data)
            let answer = try ask(number, request)
            guard answer.head.flags.contains(.bufferFull) else { return answer }
            guard bufferSize < DMIoctl.maximumDataSize else {
                throw DMError(.noMemory, "control socket: the reply is too long")
            }
            // The head of a status says how many lines there are, each of them about so long.
            let guess = DMIoctl.size + Int(answer.head.targetCount) * 80
            bufferSize = min(max(2 * bufferSize, guess), DMIoctl.maximumDataSize)
        }
    }

    func askGrowing(
        _ command: DMCommand, _ head: DMIoctl, data: [UInt8] = []
    ) throws(DMError) -> Answer {
        try askGrowing(CommandNumber(command), head, data: data)
    }

    func ask(_ number: CommandNumber, _ request: [UInt8]) throws(DMError) -> Answer {
        let reply = try call(number, request)
        if let errno = reply.errno { throw DMError(errno, reply.reason) }
        guard reply.bytes.count >= DMIoctl.dataOffset else {
            throw DMError(.protocolError, "control socket: a cut reply")
        }
        return Answer(head: DMIoctl(reading: reply.bytes), bytes: reply.bytes)
    }
}

extension DMIoctl {
    /// The head of a request about a device.
    init(_ device: DeviceReference, flags: DMFlags = []) throws(DMError) {
        self.init(flags: flags)
        switch device {
        case .uuid(let uuid): self.uuid = try DMIoctl.checked(uuid, size: DMIoctl.uuidSize, "uuid")
        case .name(let name): self.name = try DMIoctl.checked(name, size: DMIoctl.nameSize, "name")
        case .number(let number): self.device = number.encoded
        }
    }

    /// EINVAL for what does not fit in its field: the protocol would cut it and name another
    /// device.
    static func checked(
        _ string: ByteString, size: Int, _ what: String
    ) throws(DMError) -> ByteString {
        guard string.count < size, !string.bytes.contains(0) else {
            throw DMError(.invalidArgument, "\(what) \"\(string.string)\" too long")
        }
        return string
    }
}
