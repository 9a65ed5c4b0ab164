#if DEBUG
    package import DeviceMapper

    extension Scenario {
        /// All of them, by the seed model's numbers.
        package static let all: [Scenario] = [openVersusRemove, removeOfStack, loadVersusRemove]

        /// The scenario that shows what a patch of the seed mends.
        package static func finding(_ patch: Patch) -> Scenario {
            switch patch {
            case .oneLock, .openCountInCell: openVersusRemove
            case .putAfterUnlock: removeOfStack
            case .referencedLookup, .inactiveTableInDevice: loadVersusRemove
            }
        }
    }
#endif
