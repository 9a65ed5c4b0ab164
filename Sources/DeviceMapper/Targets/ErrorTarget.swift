import SystemPackage

/// `error`: every read, write, discard and write-zeroes fails EIO. Arguments are accepted and mean
/// nothing, as in Linux 6.1. A flush passes it by: there is nothing that could be lost. Behaviour:
/// drivers/md/dm-target.c.
final class ErrorTarget: Target, @unchecked Sendable {
    static let type = TargetType(
        name: "error", version: (1, 5, 0), rules: .wildcard
    ) { context in
        ErrorTarget(context)
    }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        .failed(.ioError)
    }
}
