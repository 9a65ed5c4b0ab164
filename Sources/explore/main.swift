// Explores the schedules of the core's scenarios, and prints what came of it: docs/locking.md has
// these tables. Run by scripts/explore; a debug build only, since a release build has no seam for a
// scheduler.
#if DEBUG
    import DMTestSupport
    import DeviceMapper
    import Glibc

    let usage = "usage: explore [--undo N | --replay SCENARIO SCHEDULE [N] | SCENARIO...]"

    func exit(withFailure failed: Bool) -> Never { Glibc.exit(failed ? 1 : 0) }

    func scenario(_ name: String) -> Scenario? { Scenario.all.first { $0.name == name } }

    func show(_ failure: Exploration.Failure) {
        print("  \(failure.what)")
        if let seed = failure.seed { print("  seed \(seed)") }
        print("  schedule \(failure.schedule.map { "\($0)" }.joined(separator: ","))")
        for line in failure.trace { print("    \(line)") }
    }

    /// Of the scenarios with all patches. Few preemptions leave more to random schedules.
    func explore(_ scenario: Scenario) -> Exploration {
        Explorer.explore(
            scenario, preemptions: scenario.preemptions,
            random: scenario.preemptions < 2 ? 2000 : 200)
    }

    func count(_ result: Exploration) -> String {
        "\(result.schedules)\(result.isComplete || result.failure != nil ? "" : " (not all)")"
    }

    /// The tables. False: something failed, or a patch was not missed.
    func exploreAll(_ chosen: [Scenario]) -> Bool {
        var holds = true
        var results: [String: Exploration] = [:]
        print("| scenario | threads | schedules | preemptions | result |\n|---|---|---|---|---|")
        for scenario in chosen {
            let result = explore(scenario)
            results[scenario.name] = result
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
        let patches = Patch.allCases.filter { results[Scenario.finding($0).name] != nil }
        guard !patches.isEmpty else { return holds }
        print("\n| patch | scenario | threads | preemptions | with it | without it |")
        print("|---|---|---|---|---|---|")
        for patch in patches {
            let scenario = Scenario.finding(patch)
            guard let with = results[scenario.name] else { continue }
            let without = Explorer.explore(
                scenario, undoing: patch, preemptions: scenario.preemptions,
                limit: Scenario.schedulesToFind)
            let outcome = with.failure.map { "**\($0.what)**" } ?? "\(count(with)) schedules hold"
            let found =
                without.failure.map { "schedule \(without.schedules): \($0.what)" }
                ?? "**not found**"
            print(
                "| \(patch.rawValue) | \(scenario.name) | \(scenario.threads) "
                    + "| \(scenario.preemptions) | \(outcome) | \(found) |")
            holds = holds && without.failure != nil
            fflush(nil)
        }
        return holds
    }

    /// Prints the schedule that the core without a patch fails in. False: none does.
    func exploreUndone(_ patch: Patch) -> Bool {
        let scenario = Scenario.finding(patch)
        let result = Explorer.explore(
            scenario, undoing: patch, preemptions: scenario.preemptions,
            limit: Scenario.schedulesToFind)
        guard let failure = result.failure else {
            print(
                "without patch \(patch.rawValue), \(result.schedules) schedules of "
                    + "\(scenario.name) hold")
            return false
        }
        print(
            "without patch \(patch.rawValue), \(scenario.name) fails in schedule "
                + "\(result.schedules):")
        show(failure)
        return true
    }

    /// Runs one schedule again, as a failure printed it. False: it fails.
    func replay(_ scenario: Scenario, undoing patch: Patch?, _ schedule: [Int]) -> Bool {
        guard let failure = Explorer.replay(scenario, undoing: patch, schedule) else {
            print("\(scenario.name) holds in this schedule")
            return true
        }
        print("\(scenario.name) fails:")
        show(failure)
        return false
    }

    let arguments = Array(CommandLine.arguments.dropFirst())
    switch arguments.first {
    case "--undo":
        if arguments.count == 2, let patch = Int(arguments[1]).flatMap(Patch.init(rawValue:)) {
            exit(withFailure: !exploreUndone(patch))
        }
    case "--replay":
        if arguments.count == 3 || arguments.count == 4, let scenario = scenario(arguments[1]) {
            let words = arguments[2].split(separator: ",")
            let schedule = words.compactMap { Int($0) }
            let patch = arguments.dropFirst(3).first.flatMap { Int($0) }.flatMap(
                Patch.init(rawValue:))
            if schedule.count == words.count, schedule.allSatisfy({ $0 >= 0 }),
                (patch == nil) == (arguments.count == 3)
            {
                exit(withFailure: !replay(scenario, undoing: patch, schedule))
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
