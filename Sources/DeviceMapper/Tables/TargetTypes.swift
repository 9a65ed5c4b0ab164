/// A kind of target: its name in table lines, its version, and how a line becomes one.
package struct TargetType: Sendable {
    package let name: String
    /// What `dmsetup targets` prints, as Linux 6.1 does.
    package let version: (UInt32, UInt32, UInt32)
    let rules: TargetRules
    /// Throws with the kernel's errno and reason, without the type's name in front.
    let construct: @Sendable (TargetContext) throws(DMError) -> Target

    init(
        name: String, version: (UInt32, UInt32, UInt32), rules: TargetRules = [],
        construct: @escaping @Sendable (TargetContext) throws(DMError) -> Target
    ) {
        self.name = name
        self.version = version
        self.rules = rules
        self.construct = construct
    }
}

/// With what a type of target may stand in a table (`DM_TARGET_SINGLETON` and the like).
struct TargetRules: OptionSet, Sendable {
    let rawValue: UInt8

    /// Alone in its table.
    static let singleton = TargetRules(rawValue: 1)
    /// Not in a read-only table.
    static let alwaysWriteable = TargetRules(rawValue: 2)
    /// With no other type, and a device that has it live takes no other type but wildcards.
    static let immutable = TargetRules(rawValue: 4)
    /// Takes the place of an immutable type.
    static let wildcard = TargetRules(rawValue: 8)
}

/// The types of targets that a registry knows.
struct TargetTypes: Sendable {
    /// The one list to extend for a new target, oldest first, as the kernel registers them.
    static let ours: [TargetType] = [
        ErrorTarget.type,
        LinearTarget.type,
        StripedTarget.type,
        ZeroTarget.type,
        DelayTarget.type,
    ]

    let all: [TargetType]
    private let byName: [ByteString: TargetType]

    /// No two of one name.
    init(_ all: [TargetType]) {
        self.all = all
        byName = Dictionary(uniqueKeysWithValues: all.map { (ByteString($0.name), $0) })
    }

    func named(_ name: ByteString) -> TargetType? { byName[name] }
}
