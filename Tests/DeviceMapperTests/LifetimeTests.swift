import DMTestSupport
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import DeviceMapper

/// The schedules R1 to R20 of the seed, as far as one can be made to happen.
@Suite struct LifetimeTests {
    private let devices = MemoryDevices()
    private var registry: DeviceRegistry { devices.registry }

    init() {
        for store in ["a", "b"] { devices.addStore(store, sectors: 64) }
    }

    private func name(_ name: String) -> DeviceReference { .name(ByteString(name)) }

    private func remove(
        _ device: String, deferred: Bool = false
    ) throws(DMError) -> RemoveOutcome {
        try registry.remove(name(device), deferred: deferred)
    }

    // MARK: Open and remove

    @Test("an open device is EBUSY, a removed one ENXIO (R1, R2)")
    func openVersusRemove() throws {
        let info = try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        #expect(throws: DMError(.resourceBusy)) { try remove("d") }
        #expect(try registry.info(name("d")).openCount == 1)
        handle.close()
        guard case .removed(let last) = try remove("d") else { throw DMError(.invalidArgument) }
        #expect(last.name == ByteString("d") && last.openCount == 0)
        #expect(throws: DMError.noSuchDevice) {
            try registry.open(minor: info.number.minor, generation: info.generation)
        }
        #expect(throws: DMError.noSuchDevice) { try remove("d") }
        #expect(throws: DMError.noSuchDevice) { try registry.info(name("d")) }
        #expect(throws: DMError.noSuchDevice) { try registry.info(.number(info.number)) }
        #expect(throws: DMError.noSuchDevice) { try registry.suspend(name("d")) }
        #expect(throws: DMError.noSuchDevice) { try registry.resume(name("d")) }
        #expect(throws: DMError.noSuchDevice) { try registry.clear(name("d")) }
        #expect(throws: DMError.noSuchDevice) { try devices.load("d", "0 8 linear a 0") }
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("of an open and a removal at once exactly one succeeds (R1)")
    func openAgainstRemove() throws {
        for _ in 0..<100 {
            let info = try devices.create("d", "0 8 linear a 0")
            let registry = self.registry
            let opening = Background { () throws(DMError) in
                try registry.open(minor: info.number.minor, generation: info.generation)
            }
            let removing = Background { () throws(DMError) in
                _ = try registry.remove(.number(info.number), deferred: false)
            }
            let refused = refusal { () throws(DMError) in try removing.get() }
            do throws(DMError) {
                let handle = try opening.get()
                #expect(refused == DMError(.resourceBusy))
                _ = try handle.read(0, 512)
                handle.close()
                _ = try remove("d")
            } catch {
                #expect(error == .noSuchDevice)
                #expect(refused == nil)
            }
        }
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("an opener of an earlier device with that minor is refused")
    func generationsDiffer() throws {
        let old = try devices.create("d", "0 8 linear a 0")
        _ = try remove("d")
        let new = try devices.create("d", "0 8 linear a 0")
        #expect(new.number == old.number && new.generation != old.generation)
        #expect(throws: DMError.noSuchDevice) {
            try registry.open(minor: old.number.minor, generation: old.generation)
        }
        #expect(registry.disk(minor: old.number.minor, generation: old.generation) == nil)
        try devices.shutDown()
    }

    @Test("the first opener is told so")
    func firstOpener() throws {
        try devices.create("d", "0 8 linear a 0")
        let first = try devices.open("d")
        let second = try devices.open("d")
        #expect(first.isFirst && !second.isFirst)
        first.close()
        second.close()
        let third = try devices.open("d")
        #expect(third.isFirst)
        third.close()
        try devices.shutDown()
    }

    // MARK: Creation

    @Test("a name, a uuid or a minor that is in use is refused, and nothing is left (R19)")
    func collisions() throws {
        let one = try registry.create(
            name: ByteString("one"), uuid: ByteString("u1"), minor: nil)
        #expect(one.number.minor == 0)
        #expect(throws: DMError(.resourceBusy)) {
            try registry.create(name: ByteString("one"), uuid: .empty, minor: nil)
        }
        #expect(throws: DMError(.resourceBusy)) {
            try registry.create(name: ByteString("two"), uuid: ByteString("u1"), minor: 7)
        }
        #expect(throws: DMError(.noSuchAddressOrDevice)) {
            try registry.create(name: ByteString("two"), uuid: .empty, minor: 0)
        }
        #expect(throws: DMError(.noSuchAddressOrDevice)) {
            try registry.create(name: ByteString("two"), uuid: .empty, minor: 1 << 20)
        }
        #expect(throws: DMError(.noSuchAddressOrDevice)) {
            try registry.create(name: ByteString("two"), uuid: .empty, minor: UInt32.max)
        }
        #expect(throws: DMError.noSuchDevice) { try registry.info(name("two")) }
        let two = try registry.create(name: ByteString("two"), uuid: .empty, minor: 7)
        #expect(two.number.minor == 7)
        let three = try registry.create(name: ByteString("three"), uuid: .empty, minor: nil)
        #expect(three.number.minor == 1)
        try devices.shutDown()
    }

    @Test(
        "names that are none are EINVAL",
        arguments: ["", "a/b", "control", ".", "..", "/", String(repeating: "x", count: 128)])
    func badNames(bad: String) throws {
        expectErrno(.invalidArgument) { () throws(DMError) in
            try registry.create(name: ByteString(bad), uuid: .empty, minor: nil)
        }
        try devices.create("d", "0 8 zero")
        expectErrno(.invalidArgument) { () throws(DMError) in
            try registry.rename(ByteString("d"), to: ByteString(bad))
        }
        try devices.shutDown()
    }

    @Test("names and uuids may be as long as the kernel's")
    func longestNames() throws {
        let longName = ByteString(String(repeating: "n", count: 127))
        let longUUID = ByteString(String(repeating: "u", count: 128))
        _ = try registry.create(name: longName, uuid: longUUID, minor: nil)
        #expect(try registry.info(.uuid(longUUID)).name == longName)
        expectErrno(.invalidArgument) { () throws(DMError) in
            try registry.create(
                name: ByteString("x"), uuid: ByteString(longUUID.bytes + [0x75]), minor: nil)
        }
        try devices.shutDown()
    }

    @Test("a minor is not given out again before its device is gone (R8)")
    func minorReuse() throws {
        let a = try #require(devices.store("a"))
        let old = try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        try handle.write(0, [1])
        handle.close()
        a.closeGate()
        let registry = self.registry
        let removing = Background { () throws(DMError) in
            _ = try registry.remove(.number(old.number), deferred: false)
        }
        // The flush of its table hangs: the device is gone for everybody, its minor isn't.
        #expect(eventually { a.waitingCalls == 1 })
        #expect(throws: DMError.noSuchDevice) { try registry.info(.number(old.number)) }
        #expect(registry.disk(minor: old.number.minor) == nil)
        #expect(registry.list().isEmpty)
        #expect(throws: DMError(.noSuchAddressOrDevice)) {
            try registry.create(
                name: ByteString("d"), uuid: .empty, minor: old.number.minor)
        }
        let other = try registry.create(name: ByteString("d"), uuid: .empty, minor: nil)
        #expect(other.number.minor != old.number.minor)
        a.openGate()
        try removing.get()
        let next = try registry.create(name: ByteString("e"), uuid: .empty, minor: nil)
        #expect(next.number.minor == old.number.minor)
        try devices.shutDown()
    }

    // MARK: Names

    @Test("rename and uuid: the kernel's refusals, in its order")
    func renames() throws {
        try devices.create("one", "0 8 zero")
        try devices.create("two", "0 8 zero")
        #expect(
            throws: DMError(
                .resourceBusy,
                "Unable to change name on mapped device one to one that already exists: two")
        ) { try registry.rename(ByteString("one"), to: ByteString("two")) }
        expectErrno(.resourceBusy) { () throws(DMError) in
            try registry.rename(ByteString("one"), to: ByteString("one"))
        }
        expectErrno(.noSuchAddressOrDevice) { () throws(DMError) in
            try registry.rename(ByteString("none"), to: ByteString("three"))
        }
        let before = try registry.info(name("one"))
        let renamed = try registry.rename(ByteString("one"), to: ByteString("three"))
        #expect(renamed.number == before.number)
        #expect(renamed.eventNumber == before.eventNumber + 1)
        #expect(throws: DMError.noSuchDevice) { try registry.info(name("one")) }
        #expect(
            try registry.setUUID(ByteString("three"), to: ByteString("u")).uuid == ByteString("u"))
        expectErrno(.invalidArgument) { () throws(DMError) in
            try registry.setUUID(ByteString("three"), to: ByteString("v"))
        }
        expectErrno(.resourceBusy) { () throws(DMError) in
            try registry.setUUID(ByteString("two"), to: ByteString("u"))
        }
        #expect(try registry.info(.uuid(ByteString("u"))).name == ByteString("three"))
        try devices.shutDown()
    }

    @Test("readers see the old or the new name, never none or both (R14)")
    func renameAgainstLookups() throws {
        try devices.create("old", "0 8 zero")
        let registry = self.registry
        let renaming = Background { () throws(DMError) in
            for _ in 0..<500 {
                _ = try registry.rename(ByteString("old"), to: ByteString("new"))
                _ = try registry.rename(ByteString("new"), to: ByteString("old"))
            }
        }
        while !renaming.isDone {
            let names = registry.list().map(\.name.string)
            #expect(names == ["old"] || names == ["new"])
            let byNumber = try registry.info(
                .number(DeviceNumber(major: 254, minor: 0))
            ).name.string
            #expect(["old", "new"].contains(byNumber))
        }
        try renaming.get()
        try devices.shutDown()
    }

    // MARK: Load, clear, resume against remove

    @Test("a load that a removal overtakes is ENXIO, and closes what it opened (R6)")
    func loadAgainstRemove() throws {
        _ = try registry.create(name: ByteString("d"), uuid: .empty, minor: nil)
        try devices.create("lower", "0 8 linear a 0")
        let resolver = GatedResolver(devices, holding: ["b"])
        let registry = self.registry
        let loading = Background { () throws(DMError) in
            try registry.load(
                .name(ByteString("d")),
                lines: MemoryDevices.lines("0 8 linear lower 0\n8 8 linear a 0\n16 8 linear b 0"),
                readOnly: false, resolver: resolver)
        }
        #expect(eventually { resolver.waitingLookups == 1 })
        #expect(try registry.info(name("lower")).openCount == 1)
        _ = try remove("d")
        #expect(throws: DMError(.resourceBusy)) { try remove("lower") }
        resolver.open()
        #expect(
            throws: DMError(
                .noSuchAddressOrDevice, "device has been removed from the dev hash table.")
        ) { try loading.get() }
        #expect(devices.users(of: "b") == 0)
        _ = try remove("lower")
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("of loads and clears at once one table stays at most, the others are freed once (R7)")
    func loadsAndClears() throws {
        try devices.create("d", "0 8 linear a 0")
        let devices = self.devices
        let workers = (0..<4).map { index in
            Background { () throws(DMError) in
                for round in 0..<50 {
                    if (round + index) % 3 == 0 {
                        _ = try devices.registry.clear(.name(ByteString("d")))
                    } else {
                        try devices.load("d", "0 8 linear b 0")
                    }
                }
            }
        }
        for worker in workers { try worker.get() }
        #expect(devices.users(of: "b") == (try registry.info(name("d")).hasInactiveTable ? 1 : 0))
        _ = try registry.clear(name("d"))
        #expect(devices.users(of: "b") == 0)
        try devices.shutDown()
    }

    @Test(
        "of resumes and a removal at once each table is freed once (R5)", arguments: [false, true])
    func resumeAgainstRemove(suspendedBefore: Bool) throws {
        for _ in 0..<50 {
            let info = try devices.create("d", "0 8 linear a 0")
            if suspendedBefore { _ = try registry.suspend(name("d")) }
            try devices.load("d", "0 8 linear b 0")
            let registry = self.registry
            let resuming = Background { () throws(DMError) in
                try registry.resume(.number(info.number))
            }
            let removing = Background { () throws(DMError) in
                _ = try registry.remove(.number(info.number), deferred: false)
            }
            try removing.get()
            if let error = refusal({ () throws(DMError) in try resuming.get() }) {
                #expect(error.errno == .noSuchAddressOrDevice)
            }
            #expect(devices.users(of: "a") == 0 && devices.users(of: "b") == 0)
        }
        try devices.shutDown()
    }

    // MARK: Events

    @Test("removal and rename wake a wait, if there is a live table (R10, R18)")
    func waits() throws {
        try devices.create("d", "0 8 linear a 0")
        let registry = self.registry
        let known = try registry.info(name("d")).eventNumber
        for isRemoval in [false, true] {
            let now = try registry.info(isRemoval ? name("e") : name("d")).eventNumber
            let waiting = Background { () throws(DMError) in
                try registry.wait(
                    .name(ByteString(isRemoval ? "e" : "d")), forEventOtherThan: now,
                    .table(paths: false), inactive: false, Interrupt()
                ).info.eventNumber
            }
            if isRemoval {
                _ = try registry.remove(name("e"), deferred: false)
            } else {
                _ = try registry.rename(ByteString("d"), to: ByteString("e"))
            }
            // The waiter may come too late to find the device at all.
            do throws(DMError) {
                #expect(try waiting.get() == now + 1)
            } catch {
                #expect(error == .noSuchDevice)
            }
        }
        #expect(known == 0)
        try devices.shutDown()
    }

    @Test("a wait for an event is over at once if there was one, and can be interrupted")
    func waitEnds() throws {
        try devices.create("d", "0 8 linear a 0")
        _ = try registry.wait(
            name("d"), forEventOtherThan: 5, .info, inactive: false, Interrupt())
        let interrupt = Interrupt()
        let registry = self.registry
        let waiting = Background { () throws(DMError) in
            _ = try registry.wait(
                .name(ByteString("d")), forEventOtherThan: 0, .info, inactive: false, interrupt)
        }
        interrupt.raise()
        #expect(throws: DMError(.interrupted)) { try waiting.get() }
        try devices.shutDown()
    }

    @Test("suspend, resume, load and swap raise no event of the device")
    func noEvents() throws {
        try devices.create("d", "0 8 linear a 0")
        _ = try registry.suspend(name("d"))
        try devices.load("d", "0 8 linear b 0")
        _ = try registry.resume(name("d"))
        _ = try registry.clear(name("d"))
        #expect(try registry.info(name("d")).eventNumber == 0)
        try devices.shutDown()
    }

    // MARK: Deferred removal

    @Test("a deferred removal comes with the last close; opening is allowed meanwhile (R13)")
    func deferredRemoval() throws {
        try devices.create("d", "0 8 linear a 0")
        let first = try devices.open("d")
        guard case .deferred(let info) = try remove("d", deferred: true) else {
            throw DMError(.invalidArgument)
        }
        #expect(info.isDeferredRemove)
        #expect(throws: DMError(.resourceBusy)) { try remove("d") }
        let second = try devices.open("d")
        first.close()
        registry.awaitCloses(name("d"))
        #expect(try registry.info(name("d")).isDeferredRemove)
        second.close()
        registry.awaitCloses(nil)
        #expect(registry.list().isEmpty)
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    @Test("a deferred removal of an idle device is one at once")
    func deferredIdle() throws {
        try devices.create("d", "0 8 linear a 0")
        guard case .removed(let info) = try remove("d", deferred: true) else {
            throw DMError(.invalidArgument)
        }
        #expect(!info.isDeferredRemove)
        #expect(registry.list().isEmpty)
        try devices.shutDown()
    }

    @Test("a deferred removal can be cancelled, and a marked device renamed")
    func cancelsDeferred() throws {
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        _ = try remove("d", deferred: true)
        #expect(
            try registry.rename(ByteString("d"), to: ByteString("e")).isDeferredRemove)
        let (info, _) = try registry.message(
            name("e"), sector: 0, words: [ByteString("@cancel_deferred_remove")])
        #expect(!info.isDeferredRemove)
        handle.close()
        registry.awaitCloses(nil)
        #expect(registry.list().count == 1)
        try devices.shutDown()
    }

    @Test("marked lower devices go when their upper one goes")
    func deferredStack() throws {
        try devices.create("lower", "0 8 linear a 0")
        try devices.create("middle", "0 8 linear lower 0")
        try devices.create("upper", "0 8 linear middle 0")
        _ = try remove("lower", deferred: true)
        _ = try remove("middle", deferred: true)
        #expect(registry.list().count == 3)
        _ = try remove("upper")
        #expect(eventually { registry.list().isEmpty })
        registry.awaitCloses(nil)
        #expect(devices.users(of: "a") == 0)
        try devices.shutDown()
    }

    // MARK: Closing handles

    /// Of a mount whose queue of requests is never empty.
    private final class BusyReports: CloseReports, Sendable {
        let endings = Atomic<Int>(0)

        func awaitCloses(until deadline: Deadline, or isOver: () -> Bool) -> Bool {
            while !deadline.hasPassed {
                if isOver() {
                    endings.add(1, ordering: .relaxed)
                    return true
                }
                usleep(100)
            }
            return false
        }

        func isServing(_ openers: [ObjectIdentifier]) -> Bool { true }
    }

    @Test("on a busy mount who waits for a close waits no longer than that takes")
    func waitsOnBusyMount() throws {
        try devices.create("d", "0 8 linear a 0")
        let reports = BusyReports()
        registry.attach(closeReports: reports)
        var tries = 0
        // On a busy machine the close may come before the wait, or after all its time.
        while reports.endings.load(ordering: .relaxed) == 0, tries < 1000 {
            tries += 1
            let handle = try devices.open("d")
            handle.noteFlush()
            let closing = Background { handle.close() }
            registry.awaitCloses(name("d"))
            try closing.get()
        }
        #expect(reports.endings.load(ordering: .relaxed) == 1)
        registry.attach(closeReports: nil)
        _ = try remove("d")
        try devices.shutDown()
    }

    @Test("a removal waits for a handle that may be closing")
    func waitsForClosing() throws {
        try devices.create("d", "0 8 linear a 0")
        for _ in 0..<20 {
            let handle = try devices.open("d")
            handle.noteFlush()
            let closing = Background { handle.close() }
            let start = Deadline.nowMilliseconds
            registry.awaitCloses(name("d"))
            let waited = Deadline.nowMilliseconds - start
            // On a busy machine the close may come after all the time that a look has for it.
            let isClosed = try registry.info(name("d")).openCount == 0
            #expect(isClosed || waited >= ClosingWait.look.milliseconds)
            try closing.get()
        }
        let handle = try devices.open("d")
        handle.noteFlush()
        let registry = self.registry
        let removing = Background { () throws(DMError) in
            _ = try registry.remove(.name(ByteString("d")), deferred: false)
        }
        handle.close()
        try removing.get()
        try devices.shutDown()
    }

    @Test("a handle without FLUSH, or with I/O since, is EBUSY at once")
    func doesNotWaitForOpen() throws {
        try devices.create("d", "0 8 linear a 0")
        let closing = try devices.open("d")
        let open = try devices.open("d")
        open.noteFlush()
        // Soon after a FLUSH a read may have been sent before it, and tells nothing.
        _ = try open.read(0, 1)
        #expect(open.isMaybeClosing)
        #expect(
            eventually {
                _ = try? open.read(0, 1)
                return !open.isMaybeClosing
            })
        closing.noteFlush()
        // One is surely open: no wait, so the other keeps its mark.
        #expect(throws: DMError(.resourceBusy)) { try remove("d") }
        #expect(closing.isMaybeClosing && !open.isMaybeClosing)
        closing.close()
        open.close()
        try devices.shutDown()
    }

    @Test("a handle that was waited for in vain is not waited for again before its next FLUSH")
    func waitsOnce() throws {
        try devices.create("d", "0 8 linear a 0")
        let handle = try devices.open("d")
        handle.noteFlush()
        #expect(throws: DMError(.resourceBusy)) { try remove("d") }
        #expect(!handle.isMaybeClosing)
        handle.noteFlush()
        #expect(handle.isMaybeClosing)
        handle.close()
        try devices.shutDown()
    }

    @Test("a wait in vain for one handle takes no mark from another that came meanwhile")
    func keepsNewerMarks() throws {
        try devices.create("d", "0 8 linear a 0")
        try devices.create("e", "0 8 linear a 0")
        let open = try devices.open("d")
        let closing = try devices.open("e")
        open.noteFlush()
        let registry = self.registry
        let settling = Background { _ = registry.removeAll(deferred: false) }
        // It waits for `open`: the mark goes at the end of that.
        while open.isMaybeClosing { closing.noteFlush() }
        try settling.get()
        #expect(closing.isMaybeClosing)
        open.close()
        closing.close()
        try devices.shutDown()
    }
}
