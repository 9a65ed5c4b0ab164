import DMTestSupport
import Testing

@testable import DeviceMapper

/// The order in which devices are registered and removed, by a trace; and that the check of it
/// can fail.
@Suite struct LifecycleTests {
    // MARK: The check

    /// A device with a live and an inactive table, from its beginning to its end.
    private static let good: [(LifecycleEvent, table: UInt64)] = [
        (.minorAllocated, 0), (.cellAllocated, 0), (.queueAllocated, 0), (.diskAllocated, 0),
        (.deviceAllocated, 0), (.deviceToDisk, 0), (.diskRegistered, 0), (.deviceToCell, 0),
        (.cellToList, 0), (.tableAllocated, 1), (.tableLoaded, 1), (.tableBound, 1),
        (.tableAllocated, 2), (.tableLoaded, 2), (.cellFromList, 0), (.deviceFromCell, 0),
        (.deviceFromDisk, 0), (.slotsClosed, 0), (.tableUnbound, 1), (.tableUnbound, 2),
        (.tableFreed, 1), (.tableReleased, 1), (.tableFreed, 2), (.tableReleased, 2),
        (.diskUnregistered, 0), (.minorFreed, 0), (.deviceFreed, 0), (.diskFreed, 0),
        (.queueFreed, 0), (.cellFreed, 0),
    ]

    private static func records(
        _ events: [(LifecycleEvent, table: UInt64)], thread: ThreadKind = .other
    ) -> [LifecycleRecord] {
        events.enumerated().map { index, event in
            LifecycleRecord(
                sequence: UInt64(index), event.0, minor: 3, generation: 7, table: event.table,
                thread: thread)
        }
    }

    @Test("the seed's order is accepted")
    func acceptsGood() {
        #expect(LifecycleChecker.violations(in: Self.records(Self.good)).isEmpty)
        // A create whose name is taken has had a minor.
        let refused = Self.records([(.minorAllocated, 0), (.minorFreed, 0)])
        #expect(LifecycleChecker.violations(in: refused).isEmpty)
    }

    /// An event that comes too early: before another that it must follow.
    private static let early:
        [(event: LifecycleEvent, table: UInt64, before: LifecycleEvent, String)] = [
            (.deviceToDisk, 0, .minorAllocated, "device 7: md to disk before minor allocated"),
            (.deviceToDisk, 0, .cellAllocated, "device 7: md to disk before hc allocated"),
            (.diskRegistered, 0, .deviceToDisk, "device 7: disk registered before md to disk"),
            (.deviceToCell, 0, .diskRegistered, "device 7: md to hc before disk registered"),
            (.cellToList, 0, .deviceToCell, "device 7: hc to list before md to hc"),
            (.tableAllocated, 1, .cellToList, "table 1 allocated before hc to list"),
            (.tableBound, 1, .tableLoaded, "table 1: table bound before table loaded"),
            (.cellFromList, 0, .cellToList, "device 7: hc out of list before hc to list"),
            (.deviceFromCell, 0, .cellFromList, "device 7: md from hc before hc out of list"),
            (.deviceFromDisk, 0, .deviceFromCell, "device 7: md from disk before md from hc"),
            (.slotsClosed, 0, .deviceFromDisk, "device 7: md closed to tables before md from disk"),
            (.tableFreed, 1, .tableUnbound, "table 1 freed before it was unbound"),
            (
                .diskUnregistered, 0, .tableUnbound,
                "device 7: disk unregistered before table 1 unbound"
            ),
            (.diskUnregistered, 0, .tableFreed, "device 7: disk unregistered before table 1 freed"),
            (
                .diskUnregistered, 0, .slotsClosed,
                "device 7: disk unregistered before md closed to tables"
            ),
            (.minorFreed, 0, .diskUnregistered, "device 7: minor freed before disk unregistered"),
            (.queueFreed, 0, .diskUnregistered, "device 7: queue freed before disk unregistered"),
            (.diskFreed, 0, .diskUnregistered, "device 7: disk freed before disk unregistered"),
            (.cellFreed, 0, .diskUnregistered, "device 7: hc freed before disk unregistered"),
            (.deviceFreed, 0, .diskUnregistered, "device 7: md freed before disk unregistered"),
            (.deviceFreed, 0, .tableFreed, "table 1 freed after its md freed"),
            (.tableReleased, 1, .tableFreed, "table 1: table memory freed before table freed"),
        ]

    @Test("each step that comes too early is found", arguments: LifecycleTests.early.indices)
    func findsEarly(index: Int) throws {
        let (event, table, before, wanted) = Self.early[index]
        var events = Self.good
        let from = try #require(events.firstIndex { $0.0 == event && $0.table == table })
        let moved = events.remove(at: from)
        let to = try #require(events.firstIndex { $0.0 == before })
        events.insert(moved, at: to)
        let found = LifecycleChecker.violations(in: Self.records(events))
        #expect(found.contains(wanted), "\(found)")
    }

    @Test("what happens twice is found", arguments: LifecycleEvent.allCases)
    func findsTwice(event: LifecycleEvent) throws {
        var events = Self.good
        let index = try #require(events.firstIndex { $0.0 == event })
        events.insert(events[index], at: index + 1)
        let found = LifecycleChecker.violations(in: Self.records(events))
        #expect(
            found.contains { $0.hasSuffix(": \(event.structure) \(event.words) twice") }, "\(found)"
        )
    }

    @Test(
        "what is left at the end is found",
        arguments: [
            LifecycleEvent.minorFreed, .queueFreed, .diskFreed, .deviceFreed, .cellFreed,
            .tableFreed, .tableReleased,
        ])
    func findsLeft(event: LifecycleEvent) {
        let events = Self.good.filter { $0.0 != event }
        let found = LifecycleChecker.violations(in: Self.records(events))
        #expect(
            found.contains { $0.contains(event.structure) && $0.hasSuffix("left at the end") },
            "\(found)")
        let soFar = LifecycleChecker.violations(in: Self.records(events), atEnd: false)
        #expect(!soFar.contains { $0.hasSuffix("left at the end") })
    }

    @Test("a load or a swap after the slots were closed is found")
    func findsLate() throws {
        for event in [LifecycleEvent.tableLoaded, .tableBound] {
            var events = Self.good
            let table: UInt64 = event == .tableLoaded ? 2 : 1
            let from = try #require(events.firstIndex { $0.0 == event && $0.table == table })
            let moved = events.remove(at: from)
            let closed = try #require(events.firstIndex { $0.0 == .slotsClosed })
            events.insert(moved, at: closed + 1)
            let found = LifecycleChecker.violations(in: Self.records(events))
            #expect(found.contains("table \(table) \(event.words) after md closed to tables"))
        }
    }

    @Test("a destructor on a thread that serves I/O is found", arguments: ThreadKind.allCases)
    func findsThread(kind: ThreadKind) {
        var records = Self.records(Self.good)
        for index in records.indices where records[index].event == .tableFreed {
            records[index].thread = kind
        }
        let found = LifecycleChecker.violations(in: records)
        #expect(found.isEmpty == (kind == .other || kind == .removal), "\(found)")
    }

    @Test("a minor or a table of two devices is found")
    func findsShared() {
        let records = Self.records([(.minorAllocated, 0), (.minorAllocated, 0)])
        var two = records
        two[1].generation = 8
        #expect(
            LifecycleChecker.violations(in: two).contains("minor 3 is of device 8 and of device 7"))
        var other = Self.records(Self.good)
        other[11].generation = 8
        #expect(
            LifecycleChecker.violations(in: other).contains(
                "table 1 is of device 7 and of device 8"))
        other = Self.records(Self.good)
        other[5].minor = 4
        #expect(
            LifecycleChecker.violations(in: other).contains("device 7 has two minors, 3 and 4"))
    }

    // MARK: The core

    /// What the trace shows once all is gone; what other threads still let go of is waited for.
    private static func check(_ trace: LifecycleTrace) -> [String] {
        var found: [String] = []
        _ = eventually {
            found = LifecycleChecker.violations(in: trace.snapshot().records)
            return found.isEmpty
        }
        return found
    }

    @Test("each event is traced in the seed's order, on one thread")
    func tracesOne() throws {
        let trace = LifecycleTrace()
        do {
            let devices = MemoryDevices(trace: trace)
            devices.addStore("a", sectors: 64)
            try devices.create("one", "0 8 linear a 0")
            try devices.load("one", "0 8 zero")
            _ = try devices.registry.remove(.name(ByteString("one")), deferred: false)
            try devices.shutDown()
        }
        #expect(Self.check(trace).isEmpty)
        let (records, dropped) = trace.snapshot()
        #expect(dropped == 0)
        let steps = records.filter { $0.event.step != 7 || $0.event == .tableBound }
            .filter { $0.event.direction == .remove || $0.event.step > 1 }
            .map { "\($0.event.direction == .register ? "+" : "-")\($0.event.step)" }
        #expect(
            steps == [
                "+2", "+3", "+4", "+5", "+6", "+6", "+7", "+6", "+6", "-3", "-4", "-6", "-1", "-1",
                "-1", "-2", "-2", "-5",
            ])
        #expect(Set(records.map(\.event)) == Set(LifecycleEvent.allCases))
        #expect(records.map(\.sequence) == (0..<UInt64(records.count)).map { $0 })
    }

    @Test("a load that comes after the removal leaves nothing")
    func loadAfterRemoval() throws {
        let trace = LifecycleTrace()
        let devices = MemoryDevices(trace: trace)
        devices.addStore("a", sectors: 64)
        _ = try devices.registry.create(name: ByteString("one"), uuid: .empty, minor: nil)
        let slow = GatedResolver(devices, holding: ["a"])
        let load = Background { () throws(DMError) in
            _ = try devices.registry.load(
                .name(ByteString("one")), lines: MemoryDevices.lines("0 8 linear a 0"),
                readOnly: false, resolver: slow)
        }
        #expect(eventually { slow.waitingLookups == 1 })
        _ = try devices.registry.remove(.name(ByteString("one")), deferred: false)
        slow.open()
        #expect(refusal { () throws(DMError) in try load.get() } != nil)
        #expect(Self.check(trace).isEmpty)
    }

    // MARK: The ring

    @Test("a ring keeps the newest events and counts the others")
    func dropsOldest() {
        let trace = LifecycleTrace(capacity: 4)
        for minor in 0..<10 as Range<UInt32> {
            trace.note(.minorAllocated, minor: minor, generation: 1, table: 0)
        }
        let (records, dropped) = trace.snapshot()
        #expect(dropped == 6)
        #expect(records.map(\.minor) == [6, 7, 8, 9])
        #expect(records.map(\.sequence) == [6, 7, 8, 9])
    }

    @Test("records of many threads are whole, also while a small ring is read")
    func isNeverTorn() throws {
        let trace = LifecycleTrace(capacity: 8)
        let writers = (1...4).map { (writer: UInt64) in
            Background {
                for count in 0..<20_000 as Range<UInt64> {
                    let value = writer << 32 | count
                    trace.note(
                        .tableLoaded, minor: UInt32(truncatingIfNeeded: value),
                        generation: value, table: value)
                }
            }
        }
        var torn = 0
        while !writers.allSatisfy({ $0.isDone }) {
            let (records, _) = trace.snapshot()
            torn += records.count { record in
                record.generation != record.table
                    || UInt32(truncatingIfNeeded: record.table) != record.minor
            }
        }
        for writer in writers { try writer.get() }
        #expect(torn == 0)
        let (records, dropped) = trace.snapshot()
        #expect(dropped + UInt64(records.count) == 80_000)
    }

    @Test("threads know what they are for")
    func knowsThreads() throws {
        #expect(ThreadKind.current == .other)
        ThreadKind.io.run { #expect(ThreadKind.current == .io) }
        #expect(ThreadKind.current == .other)
        let devices = MemoryDevices()
        let seen = Background { () throws(DMError) -> Bool in
            let done = Lock(rank: .leaf, name: "Test.done")
            let ended = Condition()
            nonisolated(unsafe) var kind: ThreadKind?
            devices.registry.workers.run {
                let current = ThreadKind.current
                done.withLock {
                    kind = current
                    ended.broadcast()
                }
            }
            return done.withLock {
                while kind == nil { ended.wait(done) }
                return kind == .io
            }
        }
        #expect(try seen.get())
        try devices.shutDown()
    }
}
