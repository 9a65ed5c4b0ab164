#if DEBUG
    import DMTestSupport
    import DeviceMapper
    import Testing

    /// The races of the seed, on the real core under a scheduler. `scripts/explore` runs the same
    /// with more schedules.
    @Suite struct ScenarioTests {
        @Test("each has a name of its own, by which its schedules are replayed")
        func names() {
            let names = Scenario.all.map(\.name)
            #expect(Set(names).count == names.count)
        }

        @Test("every schedule keeps the promise", arguments: Scenario.all)
        func holds(scenario: Scenario) {
            let result = Explorer.explore(scenario, preemptions: 1, limit: 120, random: 30)
            if let failure = result.failure {
                Issue.record(
                    """
                    \(scenario.name): \(failure.what)
                    seed \(failure.seed.map { "\($0)" } ?? "none"), schedule \(failure.schedule)
                    \(failure.trace.joined(separator: "\n"))
                    """)
            }
        }
    }
#endif
