#if DEBUG
    import DeviceMapper
    import Glibc

    /// Runs one scenario's threads one at a time, and lets a strategy say which goes on at each
    /// acquire, release, wait and marked step of the core.
    ///
    /// Locks and conditions are modelled here; the threads are real ones that pass a token. So the
    /// code that runs is the core's own, and a schedule is a list of choices that can be replayed.
    final class Scheduler: @unchecked Sendable {
        // @unchecked: only the thread that has the token touches it; the token is passed under
        // a mutex.

        struct LockState {
            var writer: Int?
            var readers: [Int: Int] = [:]
            var name: StaticString

            func isFree(for thread: Int, shared: Bool) -> Bool {
                guard writer == nil else { return false }
                return shared || readers.isEmpty
            }
        }

        enum Wait {
            case none
            case lock(ObjectIdentifier, shared: Bool)
            case condition(ObjectIdentifier, lock: ObjectIdentifier, bounded: Bool)
        }

        private(set) var threads: [ScheduledThread] = []
        private var locks: [ObjectIdentifier: LockState] = [:]
        private var strategy: any Strategy
        private let stepLimit: Int
        /// Of the schedule that this is a part of.
        let note: TrapNote
        private let notesChoices: Bool
        private var steps = 0
        private let finished = Token()
        private(set) var failure: String?
        /// What happened, for the schedule of a failure: which thread, and where it was.
        private(set) var log: [(thread: String, point: String)] = []

        init(
            _ strategy: any Strategy, _ note: TrapNote, notesChoices: Bool = false,
            stepLimit: Int = 20_000
        ) {
            self.strategy = strategy
            self.note = note
            self.notesChoices = notesChoices
            self.stepLimit = stepLimit
        }

        /// Runs the bodies to their end. Nil: all ended; else what went wrong. Threads that are
        /// stuck then stay so for the rest of the process.
        func run(_ bodies: [(name: String, body: @Sendable () -> Void)]) -> String? {
            for (name, body) in bodies { add(name, body) }
            if let first = choose(current: nil) {
                first.token.give()
                finished.take()
            }
            return failure
        }

        @discardableResult
        func add(_ name: String, _ body: @escaping @Sendable () -> Void) -> ScheduledThread {
            let thread = ScheduledThread(number: threads.count, name: name, scheduler: self)
            threads.append(thread)
            thread.launch(body)
            return thread
        }

        func report(_ what: String) { if failure == nil { failure = what } }

        // MARK: Points, called by the thread that has the token

        func point(_ thread: ScheduledThread, _ what: String) {
            log.append((thread.name, what))
            steps += 1
            if steps > stepLimit {
                return stop("lost progress: no end after \(stepLimit) steps", parking: thread)
            }
            if failure != nil { return stop(nil, parking: thread) }
            pass(from: thread)
        }

        func acquire(
            _ thread: ScheduledThread, _ lock: ObjectIdentifier, _ name: StaticString, shared: Bool
        ) {
            thread.wait = .lock(lock, shared: shared)
            point(thread, "acquire \(name)\(shared ? " (shared)" : "")")
            thread.wait = .none
            take(thread.number, lock, name, shared: shared)
        }

        func release(_ thread: ScheduledThread, _ lock: ObjectIdentifier, _ name: StaticString) {
            drop(thread.number, lock)
            point(thread, "release \(name)")
        }

        func waitFor(
            _ thread: ScheduledThread, _ condition: ObjectIdentifier, _ lock: ObjectIdentifier,
            _ name: StaticString, bounded: Bool
        ) -> Bool {
            drop(thread.number, lock)
            thread.wait = .condition(condition, lock: lock, bounded: bounded)
            thread.wasWoken = false
            point(thread, "wait under \(name)")
            thread.wait = .none
            take(thread.number, lock, name, shared: false)
            return thread.wasWoken
        }

        func wake(_ condition: ObjectIdentifier, all: Bool) {
            for thread in threads {
                guard case .condition(condition, let lock, _) = thread.wait, !thread.wasWoken else {
                    continue
                }
                thread.wasWoken = true
                thread.wait = .lock(lock, shared: false)
                if !all { return }
            }
        }

        func ended(_ thread: ScheduledThread) {
            thread.isEnded = true
            log.append((thread.name, "end"))
            if failure != nil { return finished.give() }
            guard let next = choose(current: nil) else { return }
            next.token.give()
        }

        // MARK: Choice

        private func pass(from thread: ScheduledThread) {
            guard let next = choose(current: thread) else { return thread.parkForEver() }
            guard next !== thread else { return }
            next.token.give()
            thread.token.take()
        }

        /// The thread that goes on; nil when none does: all ended, or a failure.
        private func choose(current: ScheduledThread?) -> ScheduledThread? {
            var enabled = threads.filter { isEnabled($0) }
            if enabled.isEmpty {
                // Time passes only when nothing else can happen.
                enabled = threads.filter { isBounded($0) }
            }
            guard !enabled.isEmpty else {
                if threads.contains(where: { !$0.isEnded }) { report(deadlock()) }
                finished.give()
                return nil
            }
            // The current one first: going on with it is no preemption.
            let isCurrentEnabled =
                current.map { thread in enabled.contains { $0 === thread } } ?? false
            if isCurrentEnabled, let current {
                enabled.removeAll { $0 === current }
                enabled.insert(current, at: 0)
            }
            guard enabled.count > 1 else { return enabled[0] }
            let choice = strategy.choose(of: enabled.count, canStay: isCurrentEnabled)
            if notesChoices { note.note(choice) }
            return enabled[choice]
        }

        private func isEnabled(_ thread: ScheduledThread) -> Bool {
            guard !thread.isEnded else { return false }
            switch thread.wait {
            case .none: return true
            case .lock(let lock, let shared):
                return locks[lock]?.isFree(for: thread.number, shared: shared) ?? true
            case .condition: return false
            }
        }

        private func isBounded(_ thread: ScheduledThread) -> Bool {
            guard !thread.isEnded, case .condition(_, let lock, true) = thread.wait else {
                return false
            }
            return locks[lock]?.isFree(for: thread.number, shared: false) ?? true
        }

        private func stop(_ what: String?, parking thread: ScheduledThread) {
            if let what { report(what) }
            finished.give()
            thread.parkForEver()
        }

        private func deadlock() -> String {
            let stuck = threads.filter { !$0.isEnded }.map { thread -> String in
                switch thread.wait {
                case .none: "\(thread.name) can go on"
                case .lock(let lock, _):
                    "\(thread.name) wants \(name(of: lock)), held by \(holders(of: lock))"
                case .condition(_, let lock, _):
                    "\(thread.name) waits under \(name(of: lock)) for a wake-up"
                }
            }
            return "deadlock: " + stuck.joined(separator: "; ")
        }

        private func name(of lock: ObjectIdentifier) -> String {
            locks[lock].map { "\($0.name)" } ?? "a lock"
        }

        private func holders(of lock: ObjectIdentifier) -> String {
            guard let state = locks[lock] else { return "nobody" }
            let numbers = state.writer.map { [$0] } ?? state.readers.keys.sorted()
            return numbers.map { threads[$0].name }.joined(separator: ", ")
        }

        private func take(
            _ thread: Int, _ lock: ObjectIdentifier, _ name: StaticString, shared: Bool
        ) {
            var state = locks[lock] ?? LockState(name: name)
            state.name = name
            if shared { state.readers[thread, default: 0] += 1 } else { state.writer = thread }
            locks[lock] = state
        }

        private func drop(_ thread: Int, _ lock: ObjectIdentifier) {
            guard var state = locks[lock] else { return }
            if state.writer == thread {
                state.writer = nil
            } else if let count = state.readers[thread] {
                state.readers[thread] = count > 1 ? count - 1 : nil
            }
            // An identifier may be of another lock next time.
            locks[lock] = state.writer == nil && state.readers.isEmpty ? nil : state
        }
    }
#endif
