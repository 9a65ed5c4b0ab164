// Explores the schedules of the core's scenarios, and prints what came of it: docs/locking.md has
// this table. Run by scripts/explore; a debug build only, since a release build has no seam for a
// scheduler.
#if DEBUG
    import DMTestSupport
    import DeviceMapper
    import Glibc

    let usage = "usage: explore [--find SCENARIO | --replay SCENARIO SCHEDULE | SCENARIO...]"

    func exit(withFailure failed: Bool) -> Never { Glibc.exit(failed ? 1 : 0) }

    func scenario(_ name: String) -> Scenario? { Scenario.all.first { $0.name == name } }

    func show(_ failure: Exploration.Failure) {
        print("  \(failure.what)")
        if let seed = failure.seed { print("  seed \(seed)") }
        print("  schedule \(failure.schedule.map { "\($0)" }.joined(separator: ","))")
        for line in failure.trace { print("    \(line)") }
    }

    /// Few preemptions leave more to random schedules.
    func explore(_ scenario: Scenario) -> Exploration {
        Explorer.explore(
            scenario, preemptions: scenario.preemptions,
            random: scenario.preemptions < 2 ? 2000 : 200)
    }

    func count(_ result: Exploration) -> String {
        "\(result.schedules)\(result.isComplete || result.failure != nil ? "" : " (not all)")"
    }

    /// The table. False: something failed.
    func exploreAll(_ chosen: [Scenario]) -> Bool {
        var holds = true
        print("| scenario | threads | schedules | preemptions | result |\n|---|---|---|---|---|")
        for scenario in chosen {
            let result = explore(scenario)
            let outcome = result.failure.map { "**\($0.what)**" } ?? "holds"
            print(
                "| \(scenario.name): \(scenario.summary) | \(scenario.threads) "
                    + "| \(count(result)) | \(scenario.preemptions) | \(outcome) |")
            if let failure = result.failure {
                holds = false
                show(failure)
            }
            fflush(nil)
        }
        return holds
    }

    /// Prints the schedule in which a scenario finds the mutant that this was built of. False: none
    /// does.
    func find(_ scenario: Scenario) -> Bool {
        // One preemption shows most, and random schedules what comes late in those.
        let half = Scenario.schedulesToFind / 2
        let result = Explorer.explore(scenario, preemptions: 1, limit: half, random: half)
        guard let failure = result.failure else {
            print("\(result.schedules) schedules of \(scenario.name) hold")
            return false
        }
        print("schedule \(result.schedules): \(failure.what)")
        show(failure)
        return true
    }

    /// Runs one schedule again, as a failure printed it. False: it fails.
    func replay(_ scenario: Scenario, _ schedule: [Int]) -> Bool {
        guard let failure = Explorer.replay(scenario, schedule) else {
            print("\(scenario.name) holds in this schedule")
            return true
        }
        print("\(scenario.name) fails:")
        show(failure)
        return false
    }

    let arguments = Array(CommandLine.arguments.dropFirst())
    switch arguments.first {
    case "--find":
        if arguments.count == 2, let scenario = scenario(arguments[1]) {
            exit(withFailure: !find(scenario))
        }
    case "--replay":
        if arguments.count == 3, let scenario = scenario(arguments[1]) {
            let words = arguments[2].split(separator: ",")
            let schedule = words.compactMap { Int($0) }
            if schedule.count == words.count, schedule.allSatisfy({ $0 >= 0 }) {
                exit(withFailure: !replay(scenario, schedule))
            }
        }
    default:
        let chosen = arguments.compactMap { scenario($0) }
        if chosen.count == arguments.count {
            exit(withFailure: !exploreAll(chosen.isEmpty ? Scenario.all : chosen))
        }
    }
    print(usage)
    exit(withFailure: true)
#else
    print("explore: build without -c release")
#endif
