#if DEBUG
    import Synchronization

    #if canImport(Glibc)
        import Glibc
    #endif

    /// The locks that the calling thread holds: one bit a rank, and the name of the lock of each
    /// rank. Debug builds only.
    ///
    /// ThreadSanitizer reports no lock-order inversion for Swift here, so the check is ours.
    enum HeldRanks {
        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            let failure = pthread_key_create(&key, nil)
            precondition(failure == 0, "pthread_key_create failed: \(failure)")
            return key
        }()

        /// A name for each bit, valid while the bit is set. Freed with the thread.
        private static let namesKey: pthread_key_t = {
            var key = pthread_key_t()
            let failure = pthread_key_create(&key) { free($0) }
            precondition(failure == 0, "pthread_key_create failed: \(failure)")
            return key
        }()

        private static var bits: UInt64 {
            get { UInt64(UInt(bitPattern: pthread_getspecific(key))) }
            set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: UInt(newValue))) }
        }

        private static var names: UnsafeMutablePointer<StaticString> {
            let size = MemoryLayout<StaticString>.stride * UInt64.bitWidth
            if let known = pthread_getspecific(namesKey) {
                return known.assumingMemoryBound(to: StaticString.self)
            }
            guard let new = malloc(size) else { preconditionFailure("no memory for lock names") }
            pthread_setspecific(namesKey, new)
            return new.bindMemory(to: StaticString.self, capacity: UInt64.bitWidth)
        }

        static func willTake(_ rank: LockRank, _ name: StaticString) {
            let higherOrEqual = bits >> UInt64(rank.rawValue)
            guard higherOrEqual != 0 else { return }
            let held = Int(rank.rawValue) + higherOrEqual.trailingZeroBitCount
            report(
                "lock order: \(name) (rank \(rank.rawValue)) taken while \(names[held]) "
                    + "(rank \(held)) is held")
        }

        /// The thread does what may wait, or what runs code of others: not under dm_sem or a lock
        /// inside it. `except`: the lock that it waits with.
        static func willSleep(_ what: String, except rank: LockRank? = nil) {
            let except: UInt64 = rank.map { 1 << UInt64($0.rawValue) } ?? 0
            let held = bits & ~except & (UInt64.max << UInt64(LockRank.dmSem.rawValue))
            guard held != 0 else { return }
            let lock = held.trailingZeroBitCount
            report("\(what) while \(names[lock]) (rank \(lock)) is held")
        }

        private static func report(_ message: String) {
            guard let thread = Seam.current else { preconditionFailure(message) }
            thread.report(message)
        }

        static func took(_ rank: LockRank, _ name: StaticString) {
            bits |= 1 << UInt64(rank.rawValue)
            names[Int(rank.rawValue)] = name
        }

        static func dropped(_ rank: LockRank) { bits &= ~(1 << UInt64(rank.rawValue)) }
    }
#endif
