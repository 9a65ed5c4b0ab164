import SystemPackage

/// `zero`: reads give zeros, writes go nowhere. Behaviour: drivers/md/dm-zero.c.
final class ZeroTarget: Target, @unchecked Sendable {
    static let type = TargetType(name: "zero", version: (1, 1, 0)) { context throws(DMError) in
        guard context.arguments.isEmpty else {
            throw DMError(.invalidArgument, "No arguments required")
        }
        return ZeroTarget(context)
    }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping { .zeroes }
}
