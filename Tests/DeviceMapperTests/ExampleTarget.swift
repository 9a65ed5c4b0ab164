import SystemPackage

@testable import DeviceMapper

/// `invert DEVICE OFFSET`: linear, and each bit is the other one on DEVICE.
final class InvertTarget: Target, @unchecked Sendable {
    static let type = TargetType(name: "invert", version: (1, 0, 0)) { context throws(DMError) in
        try InvertTarget(parsing: context)
    }

    private let device: LowerDevice
    private let start: UInt64
    private let shift: UInt64
    private let compute: ComputeTurn

    private init(parsing context: TargetContext) throws(DMError) {
        guard context.arguments.count == 2 else {
            throw DMError(.invalidArgument, "Invalid argument count")
        }
        guard let start = TargetNumber.sector(context.arguments[1]) else {
            throw DMError(.invalidArgument, "Invalid device sector")
        }
        device = try context.lowerDevice(context.arguments[0], reason: "Device lookup failed")
        self.start = start
        shift = start &* Sectors.size &- context.begin.bytes
        compute = context.compute
        super.init(context)
    }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        let hearing: Hearing = operation == .read ? .endWithBytes(tag: 0) : .none
        if operation == .write { return .taken }
        return .remapped(.passUnretained(device), offset: offset &+ shift, hearing)
    }

    override func take(_ request: IORequest) { compute.run(request, for: self, step: 0) }

    override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
        if error != nil { return .ended(error) }
        compute.run(request, for: self, step: 0)
        return .taken
    }

    override func compute(_ request: IORequest, step: Int) {
        if request.operation == .read {
            guard let bytes = request.bytesToFill() else { return request.finish(.noMemory) }
            for index in bytes.indices { bytes[index] = ~bytes[index] }
            return request.finish(nil)
        }
        guard let inverted = Payload(pooled: request.length) else {
            return request.finish(.noMemory)
        }
        let error = request.withBytesToWrite { bytes in
            for (index, byte) in bytes.enumerated() {
                inverted.memory.storeBytes(of: ~byte, toByteOffset: index, as: UInt8.self)
            }
            return nil
        }
        if let error { return request.finish(error) }
        request.replaceBytes(with: inverted)
        request.offset &+= shift
        device.submit(request)
    }

    // Zeros here are ones there.
    override var encodesZeroes: Bool { true }
    override var forwardsWriteZeroes: Bool { false }
    override var forwardsDiscards: Bool { false }

    override func status(_ kind: StatusKind) -> ByteString {
        switch kind {
        case .info, .measurement: ""
        case .table(let paths): "\(device.word(paths: paths)) \(start)"
        }
    }

    override func lowerAreas() -> [LowerArea] {
        [LowerArea(device: device, start: start, length: (end - begin) / Sectors.size)]
    }
}
