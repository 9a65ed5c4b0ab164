import SystemPackage

/// `linear DEVICE OFFSET`: the target's sectors, in order, from sector OFFSET of DEVICE on.
/// Behaviour: drivers/md/dm-linear.c.
final class LinearTarget: Target, @unchecked Sendable {
    static let type = TargetType(name: "linear", version: (1, 4, 0)) { context throws(DMError) in
        try LinearTarget(parsing: context)
    }

    private let device: LowerDevice
    /// In sectors.
    private let start: UInt64
    /// Byte of the lower device that the mapped device's byte 0 would be at, modulo 2^64.
    private let shift: UInt64
    /// Whether all of it lies within the longest device there can be. An offset is not compared
    /// with a lower device of unknown size, and one that wraps must not lead to its beginning.
    private let isReachable: Bool

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
        isReachable = LowerArea.isReachable(start: start, length: context.length.count)
        super.init(context)
    }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        guard isReachable else { return .failed(.ioError) }
        return .remapped(Unmanaged.passUnretained(device), offset: offset &+ shift, .none)
    }

    override func status(_ kind: StatusKind) -> ByteString {
        switch kind {
        case .info: ""
        case .table(let paths): "\(device.word(paths: paths)) \(start)"
        case .measurement: measurement(["device_name=\(device.number)", "start=\(start)"])
        }
    }

    override func lowerAreas() -> [LowerArea] {
        [LowerArea(device: device, start: start, length: (end - begin) / Sectors.size)]
    }
}
