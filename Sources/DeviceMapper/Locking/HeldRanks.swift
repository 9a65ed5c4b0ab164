#if DEBUG
    import Synchronization

    #if canImport(Glibc)
        import Glibc
    #endif

    /// The ranks that the calling thread holds, as one bit a rank: debug builds only.
    ///
    /// ThreadSanitizer reports no lock-order inversion for Swift here, so the check is ours.
    enum HeldRanks {
        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            let failure = pthread_key_create(&key, nil)
            precondition(failure == 0, "pthread_key_create failed: \(failure)")
            return key
        }()

        private static var bits: UInt64 {
            get { UInt64(UInt(bitPattern: pthread_getspecific(key))) }
            set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: UInt(newValue))) }
        }

        static func willTake(_ rank: LockRank, _ name: StaticString) {
            let higherOrEqual = bits >> UInt64(rank.rawValue)
            guard higherOrEqual != 0 else { return }
            let held = UInt64(rank.rawValue) &+ UInt64(higherOrEqual.trailingZeroBitCount)
            let message =
                "lock order: \(name) (rank \(rank.rawValue)) taken while a lock of rank \(held) is held"
            guard let thread = Seam.current else { preconditionFailure(message) }
            thread.report(message)
        }

        static func took(_ rank: LockRank) { bits |= 1 << UInt64(rank.rawValue) }
        static func dropped(_ rank: LockRank) { bits &= ~(1 << UInt64(rank.rawValue)) }
    }
#endif
