/// A kind of target: its name in table lines, its version, and how a line becomes one.
package struct TargetType: Sendable {
    package let name: String
    /// What `dmsetup targets` prints, as Linux 6.1 does.
    package let version: (UInt32, UInt32, UInt32)
    /// Throws with the kernel's errno and reason, without the type's name in front.
    let construct: @Sendable (TargetContext) throws(DMError) -> Target
}

/// The one list to extend for a new target, oldest first, as the kernel registers them.
enum TargetTypes {
    static let all: [TargetType] = [
        ErrorTarget.type,
        LinearTarget.type,
        StripedTarget.type,
        ZeroTarget.type,
        DelayTarget.type,
    ]

    private static let byName: [ByteString: TargetType] = Dictionary(
        uniqueKeysWithValues: all.map { (ByteString($0.name), $0) })

    static func named(_ name: ByteString) -> TargetType? { byName[name] }
}
