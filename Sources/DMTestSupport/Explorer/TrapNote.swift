#if DEBUG
    import DeviceMapper
    import Glibc

    /// Says which schedule it was when the core traps in one: an invariant that is broken ends the
    /// process, and with it whoever would have reported the failure.
    ///
    /// The text stands ready all the time, since a signal handler may not allocate.
    final class TrapNote: @unchecked Sendable {
        // @unchecked: written by the thread that has the token, and read by it when it traps.

        /// Of a run without an end: some 20,000 choices of two bytes each.
        private static let capacity = 64 << 10
        private let text: UnsafeMutablePointer<UInt8>
        private var count = 0
        private var isFirstChoice = true

        init(_ scenario: String, seed: UInt64?) {
            text = .allocate(capacity: TrapNote.capacity)
            append("explorer: \(scenario)")
            append(" ended the process: seed \(seed.map { "\($0)" } ?? "none"), schedule ")
        }

        deinit { text.deallocate() }

        /// Adds a choice of the schedule.
        func note(_ choice: Int) {
            if !isFirstChoice { append(",") }
            isFirstChoice = false
            append("\(choice)")
        }

        private func append(_ string: String) {
            for byte in string.utf8 where count < TrapNote.capacity - 1 {
                text[count] = byte
                count += 1
            }
        }

        // MARK: Who traps

        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            let failure = pthread_key_create(&key, nil)
            precondition(failure == 0, "pthread_key_create failed: \(failure)")
            return key
        }()

        /// Runs `body`; a trap of the calling thread meanwhile is one of this schedule.
        func run<Result>(_ body: () -> Result) -> Result {
            TrapNote.isInstalled
            pthread_setspecific(TrapNote.key, Unmanaged.passUnretained(self).toOpaque())
            defer { pthread_setspecific(TrapNote.key, nil) }
            return withExtendedLifetime(self) { body() }
        }

        /// In a signal handler.
        fileprivate static func write() {
            guard let pointer = pthread_getspecific(key) else { return }
            Unmanaged<TrapNote>.fromOpaque(pointer)._withUnsafeGuaranteedRef { note in
                note.text[note.count] = UInt8(ascii: "\n")
                _ = Glibc.write(STDERR_FILENO, note.text, note.count + 1)
            }
        }

        // MARK: The signals of a trap

        /// Swift traps by SIGILL or SIGTRAP; memory that is gone gives the others.
        private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV]
        private static let highestSignal = 64
        /// Who handled them before, by signal. Written once, before any handler can run.
        nonisolated(unsafe) private static let previous =
            UnsafeMutablePointer<sigaction>.allocate(capacity: highestSignal + 1)

        private static let isInstalled: Void = {
            // Made now: the handler shall not be the first to use it.
            _ = key
            for signal in signals {
                var action = sigaction()
                action.__sigaction_handler.sa_handler = reportTrap
                (previous + Int(signal)).initialize(to: sigaction())
                sigaction(signal, &action, previous + Int(signal))
            }
        }()

        /// The instruction that trapped runs again when the handler returns, and is then the affair
        /// of whoever handled it before.
        fileprivate static func restore(_ signal: Int32) {
            sigaction(signal, previous + Int(signal), nil)
        }
    }

    @c private func reportTrap(_ signal: Int32) {
        TrapNote.write()
        TrapNote.restore(signal)
    }
#endif
