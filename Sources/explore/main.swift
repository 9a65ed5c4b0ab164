// Explores the schedules of the core's scenarios, and prints what came of it. Run by
// scripts/explore; a debug build only, since a release build has no seam for a scheduler.
#if DEBUG
    import DMTestSupport
    import DeviceMapper
    import Glibc

    func exit(withFailure failed: Bool) -> Never { Glibc.exit(failed ? 1 : 0) }

    func show(_ failure: Exploration.Failure) {
        print("  \(failure.what)")
        if let seed = failure.seed { print("  seed \(seed)") }
        print("  schedule \(failure.schedule.map { "\($0)" }.joined(separator: ","))")
        for line in failure.trace { print("    \(line)") }
    }

    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.count == 2, arguments[0] == "--undo", let number = Int(arguments[1]),
        let patch = Patch(rawValue: number)
    {
        let scenario = Scenario.finding(patch)
        let result = Explorer.explore(scenario, undoing: patch, preemptions: 2)
        guard let failure = result.failure else {
            print("without patch \(number), \(result.schedules) schedules of \(scenario.name) hold")
            exit(withFailure: true)
        }
        print("without patch \(number), \(scenario.name) fails in schedule \(result.schedules):")
        show(failure)
    } else if arguments.allSatisfy({ name in Scenario.all.contains { $0.name == name } }) {
        let isChosen = { (scenario: Scenario) in
            arguments.isEmpty || arguments.contains(scenario.name)
        }
        var failed = false
        print("| scenario | threads | schedules | preemptions | result |\n|---|---|---|---|---|")
        func row(_ name: String, _ scenario: Scenario, _ result: Exploration, _ outcome: String) {
            let count =
                "\(result.schedules)\(result.isComplete || result.failure != nil ? "" : " (not all)")"
            print(
                "| \(name) | \(scenario.threads) | \(count) | \(scenario.preemptions) "
                    + "| \(outcome) |")
            fflush(nil)
        }
        for scenario in Scenario.all where isChosen(scenario) {
            // Few preemptions leave more to random schedules.
            let result = Explorer.explore(
                scenario, preemptions: scenario.preemptions,
                random: scenario.preemptions < 2 ? 2000 : 200)
            let outcome = result.failure.map { "**\($0.what)**" } ?? "holds"
            row("\(scenario.name): \(scenario.summary)", scenario, result, outcome)
            if let failure = result.failure {
                failed = true
                show(failure)
            }
        }
        for patch in Patch.allCases {
            let scenario = Scenario.finding(patch)
            guard isChosen(scenario) else { continue }
            let result = Explorer.explore(
                scenario, undoing: patch, preemptions: scenario.preemptions)
            let outcome = result.failure.map { "found: \($0.what)" } ?? "**not found**"
            row("\(scenario.name) without patch \(patch.rawValue)", scenario, result, outcome)
            failed = failed || result.failure == nil
        }
        exit(withFailure: failed)
    } else {
        print("usage: explore [--undo N | SCENARIO...]")
        exit(withFailure: true)
    }
#else
    print("explore: build without -c release")
#endif
