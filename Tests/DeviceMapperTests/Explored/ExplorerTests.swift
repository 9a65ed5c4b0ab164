#if DEBUG
    import DMTestSupport
    import DeviceMapper
    import Testing

    /// The explorer itself: what it finds in small programs that are wrong.
    @Suite struct ExplorerTests {
        /// A lock, a condition and a number.
        private final class Board: @unchecked Sendable {
            // @unchecked: a schedule's threads run one at a time.
            let lock = Lock(rank: .leaf, name: "Board.lock")
            let changed = Condition()
            var number = 0
        }

        /// Two threads that each add one in two steps: lost when one comes between.
        private static let lostUpdate = Scenario("lost update", "two increments are two") {
            let board = Board()
            let add: @Sendable () -> Void = {
                let before = board.lock.withLock { board.number }
                board.lock.withLock { board.number = before + 1 }
            }
            return Scenario.Run(
                threads: [("one", add), ("two", add)],
                verdict: { board.number == 2 ? [] : ["an increment was lost"] })
        }

        /// The same, with a trap: in the last look, or where the board is let go of.
        private static func trapping(inDeinit: Bool) -> Scenario {
            final class TrappingBoard: Sendable {
                let board = Board()
                deinit { precondition(board.number == 2, "an increment was lost") }
            }
            return Scenario("trap", "two increments are two") {
                let trap = TrappingBoard()
                let add: @Sendable () -> Void = {
                    let before = trap.board.lock.withLock { trap.board.number }
                    trap.board.lock.withLock { trap.board.number = before + 1 }
                }
                return Scenario.Run(
                    threads: [("one", add), ("two", add)],
                    verdict: {
                        precondition(inDeinit || trap.board.number == 2, "an increment was lost")
                        return []
                    })
            }
        }

        @Test("a wake-up that comes before the wait is a deadlock, which is found")
        func deadlock() throws {
            let scenario = Scenario("deadlock", "a waiter is woken") {
                let board = Board()
                return Scenario.Run(
                    threads: [
                        ("waits", { board.lock.withLock { board.changed.wait(board.lock) } }),
                        ("wakes", { board.lock.withLock { board.changed.signal() } }),
                    ], verdict: { [] })
            }
            let result = Explorer.explore(scenario, preemptions: 1)
            let failure = try #require(result.failure)
            #expect(failure.what.hasPrefix("deadlock: waits waits under"))
            #expect(Explorer.replay(scenario, failure.schedule)?.what == failure.what)
        }

        @Test("a thread that goes round for ever is lost progress")
        func lostProgress() throws {
            let scenario = Scenario("lost progress", "it ends") {
                let board = Board()
                return Scenario.Run(
                    threads: [
                        ("spins", { while board.lock.withLock({ board.number == 0 }) {} })
                    ], verdict: { [] })
            }
            let failure = try #require(Explorer.explore(scenario, preemptions: 0).failure)
            #expect(failure.what.hasPrefix("lost progress"))
        }

        @Test("what is left to chance, so that not all schedules are run, is found")
        func chance() throws {
            let runs = Board()
            let scenario = Scenario("chance", "the same choices lead to the same run") {
                runs.number += 1
                let board = Board()
                let turns = runs.number % 2 == 0 ? 1 : 5
                let body: @Sendable () -> Void = {
                    for _ in 0..<turns { board.lock.withLock {} }
                }
                return Scenario.Run(threads: [("one", body), ("two", body)], verdict: { [] })
            }
            let failure = try #require(Explorer.explore(scenario, preemptions: 1).failure)
            #expect(failure.what.hasPrefix("not repeatable"))
        }

        @Test("a trap in a schedule says which one before it ends the process")
        func trap() async throws {
            // The same steps, but for the trap.
            let schedule = try #require(
                Explorer.explore(Self.lostUpdate, preemptions: 1).failure?.schedule)
            let result = try await #require(
                processExitsWith: .failure, observing: [\.standardErrorContent]
            ) {
                _ = Explorer.explore(Self.trapping(inDeinit: false), preemptions: 1)
            }
            let said = String(decoding: result.standardErrorContent, as: UTF8.self)
            let numbers = schedule.map { "\($0)" }.joined(separator: ",")
            #expect(
                said.contains("explorer: trap ended the process: seed none, schedule \(numbers)\n"),
                "\(said)")
        }

        @Test("so does one by a random schedule, in what the last look lets go of")
        func trapInDeinit() async throws {
            let failure = try #require(
                Explorer.explore(Self.lostUpdate, preemptions: 0, random: 200).failure)
            let result = try await #require(
                processExitsWith: .failure, observing: [\.standardErrorContent]
            ) {
                _ = Explorer.explore(Self.trapping(inDeinit: true), preemptions: 0, random: 200)
            }
            let said = String(decoding: result.standardErrorContent, as: UTF8.self)
            let numbers = failure.schedule.map { "\($0)" }.joined(separator: ",")
            let seed = try #require(failure.seed)
            #expect(
                said.contains(
                    "explorer: trap ended the process: seed \(seed), schedule \(numbers)\n"),
                "\(said)")
        }

        @Test("what needs a preemption is found with one, and not with none")
        func bound() {
            #expect(Explorer.explore(Self.lostUpdate, preemptions: 0).failure == nil)
            let result = Explorer.explore(Self.lostUpdate, preemptions: 1)
            #expect(result.failure?.what == "an increment was lost")
        }

        @Test("what a random schedule finds replays by its seed and by its schedule")
        func random() throws {
            let result = Explorer.explore(Self.lostUpdate, preemptions: 0, random: 200)
            let failure = try #require(result.failure)
            let seed = try #require(failure.seed)
            let again = Explorer.explore(
                Self.lostUpdate, preemptions: 0, random: 1, firstSeed: seed)
            #expect(again.failure?.schedule == failure.schedule)
            #expect(Explorer.replay(Self.lostUpdate, failure.schedule)?.what == failure.what)
        }

        @Test("a race that is none is run to the end of its schedules")
        func complete() {
            let scenario = Scenario("increments", "two increments are two") {
                let board = Board()
                let add: @Sendable () -> Void = { board.lock.withLock { board.number += 1 } }
                return Scenario.Run(
                    threads: [("one", add), ("two", add)],
                    verdict: { board.number == 2 ? [] : ["an increment was lost"] })
            }
            let result = Explorer.explore(scenario, preemptions: 2)
            #expect(result.isComplete && result.failure == nil && result.schedules > 1)
        }
    }
#endif
