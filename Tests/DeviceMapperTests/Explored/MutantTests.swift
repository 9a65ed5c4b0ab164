#if DEBUG
    import DMTestSupport
    import Foundation
    import Testing

    /// The patches of Tests/Mutants. `scripts/explore` applies them, and looks that each is found.
    @Suite struct MutantTests {
        @Test("each mutant has a number, says what it undoes, and names a scenario that there is")
        func heads() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let files = try FileManager.default.contentsOfDirectory(
                at: root.appending(path: "Mutants"), includingPropertiesForKeys: nil
            ).filter { $0.pathExtension == "patch" }
            let numbers = files.compactMap {
                $0.lastPathComponent.split(separator: "-").first.flatMap { Int($0) }
            }
            #expect(numbers.sorted() == Array(1...files.count))
            let scenarios = Set(Scenario.all.map(\.name))
            for file in files {
                let lines = try String(contentsOf: file, encoding: .utf8)
                    .split(separator: "\n").prefix { !$0.hasPrefix("--- ") }
                #expect(lines.count { $0.hasPrefix("Undoes: ") } == 1, "\(file.lastPathComponent)")
                let named = lines.filter { $0.hasPrefix("Scenario: ") }
                    .map { String($0.dropFirst("Scenario: ".count)) }
                #expect(
                    named.count == 1 && scenarios.isSuperset(of: named),
                    "\(file.lastPathComponent): \(named)")
            }
        }
    }
#endif
