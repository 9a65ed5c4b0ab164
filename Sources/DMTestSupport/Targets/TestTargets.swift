#if DEBUG
    package import DeviceMapper

    /// Targets of the tests' own, which do what ours don't yet.
    package enum TestTargets {
        package static let all: [TargetType] = [XorTarget.type, CountingTarget.type]
    }
#endif
