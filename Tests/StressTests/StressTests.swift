import DMTestSupport
import Glibc
import SystemPackage
import Testing

@testable import DeviceMapper

/// Everything at once from real threads, for ThreadSanitizer too
/// (`scripts/test stress`). What each call answers is left open, but for
/// errnos that it can't have; that no byte is wrong and nothing is left at the end is not.
///
/// `DMFUSE_STRESS_SECONDS`: one run of so many seconds instead of a few short ones, in which each
/// operation must also have succeeded.
@Suite struct StressTests {
    static let seconds = getenv("DMFUSE_STRESS_SECONDS").flatMap { UInt32(String(cString: $0)) }
    static let seeds = 0..<(seconds == nil ? 3 : 1)

    @Test("random operations of eight threads leave nothing behind", arguments: seeds)
    func everythingAtOnce(seed: Int) throws {
        let trace = StressTests.newTrace()
        try runEverythingAtOnce(trace, seed)
        StressTests.expectSeedsOrder(in: trace, seed)
    }

    private func runEverythingAtOnce(_ trace: LifecycleTrace, _ seed: Int) throws {
        let run = try StressRun(
            trace, seed: seed, milliseconds: StressTests.seconds.map { $0 * 1000 } ?? 1500)
        let resumer = run.resuming { !run.isOver }
        let breaker = run.breaking()
        try run.waitForThreads()
        try resumer.get()
        try breaker.get()
        run.closeOwned()
        #expect(run.devices.registry.removeAll(deferred: false) == 0, "seed \(seed)")
        #expect(run.devices.registry.list().isEmpty)
        try run.devices.shutDown()
        run.expectNothingLeft()
        if StressTests.seconds != nil {
            let done = run.successes
            let lines = done.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            print("stress: \(lines.joined(separator: ", "))")
            for what in StressActor.operations { #expect(done[what, default: 0] > 0, "\(what)") }
        }
    }

    @Test("a forced end amid everything leaves nothing behind", arguments: 0..<3)
    func endAmidEverything(seed: Int) throws {
        let trace = StressTests.newTrace()
        try runToForcedEnd(trace, seed)
        StressTests.expectSeedsOrder(in: trace, seed)
    }

    private func runToForcedEnd(_ trace: LifecycleTrace, _ seed: Int) throws {
        let run = try StressRun(trace, seed: seed, milliseconds: 600, endsAmid: true)
        let middle = Deadline(millisecondsFromNow: 300)
        let breaker = run.breaking()
        try run.resuming { !middle.hasPassed }.get()
        try run.devices.shutDown()
        #expect(run.devices.registry.list().isEmpty)
        try run.waitForThreads()
        try breaker.get()
        run.closeOwned()
        run.expectNothingLeft()
    }

    /// Holds every event of a run of a minute.
    private static func newTrace() -> LifecycleTrace { LifecycleTrace(capacity: 1 << 21) }

    /// Everything came and went in the seed's order. After the run is gone: memory goes with the
    /// last reference.
    private static func expectSeedsOrder(in trace: LifecycleTrace, _ seed: Int) {
        var found: [String] = []
        _ = eventually {
            found = LifecycleChecker.violations(in: trace.snapshot().records)
            return found.isEmpty
        }
        #expect(found.prefix(10).isEmpty, "seed \(seed)")
        let (records, dropped) = trace.snapshot()
        #expect(dropped == 0)
        // Else nothing was shown.
        let made = records.count { $0.event == .cellToList }
        let bound = records.count { $0.event == .tableBound }
        #expect(made > 0 && bound > 0, "\(made) devices, \(bound) tables bound")
        if seconds != nil {
            print("stress: \(records.count) events of \(made) devices, \(bound) tables bound")
        }
    }
}

/// The core, the eight threads and those that keep them going.
private final class StressRun: Sendable {
    let devices: MemoryDevices
    private let seed: Int
    private let interrupts = StressInterrupts()
    /// Of devices that stay to the end of the threads.
    private let owned: [DeviceHandle]
    private let threads: [Background<StressActor.Outcome>]

    private static let stores = ["a", "b", "c"]

    init(_ trace: LifecycleTrace, seed: Int, milliseconds: UInt32, endsAmid: Bool = false) throws {
        let devices = MemoryDevices(inlineLimit: 2, trace: trace)
        self.devices = devices
        self.seed = seed
        for store in StressRun.stores {
            StressRun.add(store, sectors: 64, isLate: store == "b", to: devices, seed)
        }
        StressRun.add(
            StressRegion.store, sectors: StressRegion.allSectors, isLate: seed % 2 == 1,
            to: devices, seed)
        let base = try StressRegion.createBase(devices)
        let regions = try (0..<8).map { try StressRegion(devices, $0, mayFail: endsAmid) }
        owned = [base] + regions.map(\.handle)
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        let interrupts = self.interrupts
        threads = regions.map { region in
            Background { () throws(DMError) in
                var actor = StressActor(
                    devices, region, interrupts, seed: UInt64(seed * 100 + region.index))
                while !deadline.hasPassed { actor.step() }
                return actor.finish()
            }
        }
    }

    /// `isLate`: it answers later, in an order by the seed.
    private static func add(
        _ name: String, sectors: Int, isLate: Bool, to devices: MemoryDevices, _ seed: Int
    ) {
        let memory = MemoryStore(sectors: sectors, recordsCalls: false)
        if isLate {
            devices.addStore(name, LateStore(memory, .seeded(UInt64(seed))))
        } else {
            devices.addStore(name, memory)
        }
    }

    var isOver: Bool { threads.allSatisfy { $0.isDone } }

    func waitForThreads() throws {
        for thread in threads {
            let wrong = try thread.get(milliseconds: patience + (StressTests.seconds ?? 0) * 1000)
                .wrong
            #expect(wrong.isEmpty, "seed \(seed)")
        }
    }

    /// How often each operation succeeded. After the threads.
    var successes: [String: Int] {
        threads.reduce(into: [:]) { all, thread in
            let own = (try? thread.get())?.successes ?? [:]
            all.merge(own) { $0 + $1 }
        }
    }

    /// Whatever one thread suspends, this resumes, so nothing hangs. A resume that waits for a
    /// lower device is interrupted, and the lower device's turn comes. Without a table a device
    /// stays suspended, and would hold its requests for ever.
    func resuming(while goesOn: @escaping @Sendable () -> Bool) -> Background<Void> {
        Background { [devices, interrupts] in
            while goesOn() {
                for disk in devices.registry.disks() {
                    let device = DeviceReference.number(disk.number)
                    let error = refusal { () throws(DMError) in
                        try interrupts.call { interrupt throws(DMError) in
                            _ = try devices.registry.resume(device, [], interrupt)
                        }
                    }
                    guard error?.errno == .invalidArgument else { continue }
                    _ = try? devices.registry.load(
                        device, lines: MemoryDevices.lines("0 8 zero"), readOnly: false,
                        resolver: devices)
                }
                _ = eventually(withinMilliseconds: 1) { false }
            }
        }
    }

    /// Interrupts what blocks, ever again.
    func breaking() -> Background<Void> {
        Background { [self] in
            while !isOver {
                _ = eventually(withinMilliseconds: 5) { isOver }
                interrupts.raiseAll()
            }
        }
    }

    func closeOwned() { for handle in owned { handle.close() } }

    func expectNothingLeft() {
        #expect(devices.registry.reading { $0.disks.isEmpty && $0.edges.isEmpty })
        for store in StressRun.stores + [StressRegion.store] {
            #expect(devices.users(of: store) == 0, "seed \(seed)")
            let foreign = StressStamp.foreignWords(devices.store(store)?.contents ?? [])
            #expect(foreign.isEmpty, "seed \(seed), \(store)")
        }
    }
}
