#if DEBUG
    /// What is explored: threads over a fresh core, and what must hold when they have ended.
    package struct Scenario: Sendable {
        /// One run: made afresh for each schedule, so that no run sees another's state.
        package struct Run {
            /// Runs before the threads start, alone and to its end.
            package var setup: (@Sendable () -> Void)?
            package var threads: [(name: String, body: @Sendable () -> Void)]
            /// Broken promises; called after the threads ended, on a thread of the schedule.
            package var verdict: @Sendable () -> [String]

            package init(
                setup: (@Sendable () -> Void)? = nil,
                threads: [(name: String, body: @Sendable () -> Void)],
                verdict: @escaping @Sendable () -> [String]
            ) {
                self.setup = setup
                self.threads = threads
                self.verdict = verdict
            }
        }

        /// "R1", "stack of three": what the tables of docs/locking.md call it.
        package let name: String
        package let summary: String
        /// The bound up to which `scripts/explore` runs every schedule.
        package let preemptions: Int
        let make: @Sendable () -> Run

        /// How many threads it starts; the core adds its own.
        package var threads: Int { make().threads.count }

        package init(
            _ name: String, _ summary: String, preemptions: Int = 2,
            make: @escaping @Sendable () -> Run
        ) {
            self.name = name
            self.preemptions = preemptions
            self.summary = summary
            self.make = make
        }
    }

    /// What came of exploring a scenario.
    package struct Exploration: Sendable {
        package var scenario: String
        package var schedules = 0
        /// Whether every schedule within the bound was run.
        package var isComplete = false
        package var failure: Failure?

        /// What went wrong in which schedule.
        package struct Failure: Sendable {
            package var what: String
            /// Random schedules only.
            package var seed: UInt64?
            /// The choices, for `Explorer.replay`.
            package var schedule: [Int]
            /// Who did what, in order.
            package var trace: [String]
        }
    }

    /// Runs the schedules of a scenario, one after another.
    package enum Explorer {
        /// All schedules with at most `preemptions` preemptions, at most `limit` of them, then
        /// `random` random ones by seed. Stops at the first failure.
        package static func explore(
            _ scenario: Scenario, preemptions: Int, limit: Int = 20_000, random: Int = 0,
            firstSeed: UInt64 = 1
        ) -> Exploration {
            var result = Exploration(scenario: scenario.name)
            let exhaustive = Exhaustive(preemptionBound: preemptions)
            repeat {
                result.schedules += 1
                var failed = run(scenario, exhaustive)
                if failed == nil, exhaustive.hasDiverged {
                    failed = ("not repeatable: the same choices led elsewhere", [])
                }
                if let (what, trace) = failed {
                    result.failure = .init(
                        what: what, seed: nil, schedule: exhaustive.schedule, trace: trace)
                    return result
                }
                guard exhaustive.advance() else {
                    result.isComplete = true
                    break
                }
            } while result.schedules < limit
            for seed in firstSeed..<firstSeed + UInt64(random) {
                let strategy = Randomised(seed: seed)
                result.schedules += 1
                if let (what, trace) = run(scenario, strategy, seed: seed) {
                    result.failure = .init(
                        what: what, seed: seed, schedule: strategy.schedule, trace: trace)
                    return result
                }
            }
            return result
        }

        /// Runs a schedule that a failure printed; nil: it does not fail.
        package static func replay(
            _ scenario: Scenario, _ schedule: [Int]
        ) -> Exploration.Failure? {
            guard let (what, trace) = run(scenario, Replay(schedule)) else { return nil }
            return .init(what: what, seed: nil, schedule: schedule, trace: trace)
        }

        private static func run(
            _ scenario: Scenario, _ strategy: any Strategy, seed: UInt64? = nil
        ) -> (what: String, trace: [String])? {
            let note = TrapNote(scenario.name, seed: seed)
            // All of it, since what the run made may trap when it is let go of, too.
            return note.run { run(scenario.make(), strategy, note) }
        }

        private static func run(
            _ run: Scenario.Run, _ strategy: any Strategy, _ note: TrapNote
        ) -> (what: String, trace: [String])? {
            if let setup = run.setup,
                let failure = Scheduler(Replay([]), note).run([("setup", setup)])
            {
                return ("setup: \(failure)", [])
            }
            let scheduler = Scheduler(strategy, note, notesChoices: true)
            var failure = scheduler.run(run.threads)
            if failure == nil {
                // The end is looked at under a scheduler too, without choices: locks that the
                // threads took are modelled ones.
                let verdict = Verdict()
                let last = Scheduler(Replay([]), note)
                failure = last.run([("verdict", { verdict.broken = run.verdict() })])
                if failure == nil, let first = verdict.broken.first { failure = first }
            }
            guard let failure else { return nil }
            return (failure, scheduler.log.map { "\($0.thread): \($0.point)" })
        }

        private final class Verdict: @unchecked Sendable {
            // @unchecked: written by one thread, read after it ended.
            var broken: [String] = []
        }
    }
#endif
