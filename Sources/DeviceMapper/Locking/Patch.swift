#if DEBUG
    /// The seed's five patches, each of which a test can undo to see that the races which it mends
    /// are found. Debug builds only.
    package enum Patch: Int, CaseIterable, Sendable {
        /// The hash list and the open count under different locks.
        case oneLock = 1
        /// Tables are put under dm_sem.
        case putAfterUnlock = 2
        /// A cell that is open is removed.
        case openCountInCell = 3
        /// A device is looked up without a reference.
        case referencedLookup = 4
        /// The inactive table is in the hash cell.
        case inactiveTableInDevice = 5
    }
#endif
