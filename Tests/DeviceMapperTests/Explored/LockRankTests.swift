#if DEBUG
    import DMTestSupport
    import Foundation
    import Testing

    @testable import DeviceMapper

    /// The order of locks: the check of it, and that docs/locking.md tells it as the code has it.
    @Suite struct LockRankTests {
        @Test("a lock taken out of order is reported with both names")
        func reportsBothNames() {
            let outer = Lock(rank: .io, name: "Test.outer")
            let inner = RWLock(rank: .map, name: "Test.inner")
            let failure = Self.failure { outer.withLock { inner.withReadLock {} } }
            #expect(
                failure
                    == "lock order: Test.inner (rank 30) taken while Test.outer (rank 40) is held")
        }

        @Test("a lock that was released is not held")
        func forgetsReleased() {
            let outer = Lock(rank: .io, name: "Test.outer")
            let inner = RWLock(rank: .map, name: "Test.inner")
            let failure = Self.failure {
                outer.withLock {}
                inner.withReadLock { outer.withLock {} }
            }
            #expect(failure == nil)
        }

        @Test("a wait under dm_sem is reported with both names, and one outside of it isn't")
        func reportsWait() {
            let outer = RWLock(rank: .dmSem, name: "Test.outer")
            let inner = Lock(rank: .leaf, name: "Test.inner")
            let sleeping = SleepLock(rank: .suspend, name: "Test.sleeping")
            let never = Condition()
            let wait: @Sendable () -> Void = {
                inner.withLock { _ = never.wait(inner, until: Deadline(millisecondsFromNow: 1)) }
            }
            #expect(
                Self.failure { outer.withReadLock(wait) }
                    == "a wait under Test.inner while Test.outer (rank 20) is held")
            let outside = Self.failure {
                sleeping.lock()
                wait()
                sleeping.unlock()
            }
            #expect(outside == nil)
        }

        @Test("a table destroyed under dm_sem is reported, though it only closes files")
        func reportsDestructor() throws {
            let devices = MemoryDevices()
            devices.addStore("a", sectors: 8)
            try devices.create("x", "0 8 linear a 0")
            let failure = Self.failure {
                let device = try? devices.registry.device(.name(ByteString("x")))
                devices.registry.writing { _ in
                    for table in device?.unbind() ?? [] { table.destroy() }
                }
            }
            #expect(
                failure == "a table is destroyed while DeviceRegistry.dmSem (rank 20) is held")
            try devices.shutDown()
        }

        /// What the core reports of `body`, on a thread of a scheduler.
        private static func failure(_ body: @escaping @Sendable () -> Void) -> String? {
            let scenario = Scenario("locks", "") {
                Scenario.Run(threads: [(name: "thread", body: body)], verdict: { [] })
            }
            return Explorer.explore(scenario, preemptions: 0).failure?.what
        }

        @Test("docs/locking.md lists each lock of the code, with its rank")
        func tableAgrees() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let page = try String(
                contentsOf: root.appending(path: "docs/locking.md"), encoding: .utf8)
            var documented: Set<String> = []
            for line in page.split(separator: "\n") {
                let columns = line.split(separator: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                guard columns.count >= 3, let rank = Int(columns[0]) else { continue }
                // The leaves are listed where others say what they guard.
                let place =
                    columns[1] == "leaves" ? columns[2...].joined(separator: " ") : columns[1]
                for match in place.matches(of: #/`(\w+\.\w+)`/#) {
                    documented.insert("\(rank) \(match.1)")
                }
            }
            #expect(documented == (try Self.locksInCode(root.appending(path: "Sources"))))
        }

        /// "RANK NAME" of each lock that the sources make, but for those of the tests' support.
        private static func locksInCode(_ sources: URL) throws -> Set<String> {
            let ranks = Dictionary(
                uniqueKeysWithValues: LockRank.allCases.map { ("\($0)", Int($0.rawValue)) })
            var found: Set<String> = []
            let files = try #require(
                FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            for case let file as URL in files
            where file.pathExtension == "swift" && !file.path.contains("/DMTestSupport/") {
                let text = try String(contentsOf: file, encoding: .utf8)
                let making = #/Lock\(\s*rank:\s*\.(\w+),\s*name:\s*"([^"]+)"/#
                for match in text.matches(of: making) {
                    let rank = try #require(ranks[String(match.1)])
                    found.insert("\(rank) \(match.2)")
                }
            }
            return found
        }
    }
#endif
