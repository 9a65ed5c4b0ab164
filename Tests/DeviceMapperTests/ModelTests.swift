import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// The devices against a model of them, in random runs that a seed repeats.
@Suite struct ModelTests {
    static let stores = [("s0", 48), ("s1", 64), ("s2", 80)]
    static let names = ["d0", "d1", "d2", "d3"]

    @Test("devices do what a flat array of bytes does", arguments: 0..<60)
    func matchesModel(seed: Int) throws {
        var run = ModelRun(seed: UInt64(seed))
        try run.perform(steps: 120)
    }

    @Test("over stores that answer later, in any order, they do the same", arguments: 0..<60)
    func matchesModelLate(seed: Int) throws {
        var run = ModelRun(
            seed: UInt64(seed), blockSectors: seed % 2 == 0 ? 1 : 8, answersLate: true)
        try run.perform(steps: 120)
    }

    /// The stores' blocks stay bytes: whoever stands on them takes any.
    @Test(
        "with targets that encode blocks of 4096 bytes on other threads, requests of any bytes do the same",
        arguments: 0..<60)
    func matchesModelInBlocks(seed: Int) throws {
        var run = ModelRun(seed: UInt64(seed), blockSectors: 8)
        try run.perform(steps: 120)
    }

    @Test(
        "threads on disjoint ranges see their own bytes through suspends and swaps",
        arguments: 0..<6)
    func disjointThreads(seed: Int) throws {
        let devices = MemoryDevices()
        for store in ["a", "b", "c"] { devices.addStore(store, sectors: 128) }
        let lower = "0 384 striped 3 8 a 0 b 0 c 0"
        let upper = "0 128 linear l 0\n128 256 linear l 128"
        try devices.create("l", lower)
        try devices.create("u", upper)
        let handle = try devices.open("u")
        let share = 384 * 512 / 4
        let writers = (0..<4).map { index in
            Background { () throws(DMError) -> Int in
                var generator = SeededGenerator(seed: UInt64(seed * 10 + index))
                var expected = [UInt8](repeating: 0, count: share)
                var wrong = 0
                for _ in 0..<150 {
                    let from = Int.random(in: 0..<share - 9000, using: &generator)
                    let count = Int.random(in: 1...9000, using: &generator)
                    let place = UInt64(index * share + from)
                    if generator.once(in: 2) {
                        let bytes = generator.bytes(count)
                        try handle.write(place, bytes)
                        expected.replaceSubrange(from..<from + count, with: bytes)
                    } else if try handle.read(place, count)
                        != Array(expected[from..<from + count])
                    {
                        wrong += 1
                    }
                    if generator.once(in: 20) { try handle.flush() }
                }
                return wrong
            }
        }
        var generator = SeededGenerator(seed: UInt64(seed))
        while !writers.allSatisfy({ $0.isDone }) {
            let (name, table) = generator.once(in: 2) ? ("l", lower) : ("u", upper)
            if generator.once(in: 2) {
                _ = try devices.registry.suspend(
                    .name(ByteString(name)), generator.once(in: 2) ? .noflush : [])
            }
            if generator.once(in: 2) { try devices.load(name, table) }
            _ = try devices.registry.resume(.name(ByteString(name)))
        }
        for writer in writers { #expect(try writer.get() == 0, "seed \(seed)") }
        handle.close()
        try devices.shutDown()
        for store in ["a", "b", "c"] { #expect(devices.users(of: store) == 0) }
    }
}

/// One random run.
private struct ModelRun {
    private let seed: UInt64
    private var generator: SeededGenerator
    private var model: ReferenceModel
    private let devices = MemoryDevices()
    private var handles: [String: DeviceHandle] = [:]
    private var pending: [Pending] = []
    private var history: [String] = []

    /// A request that a suspended device holds.
    private struct Pending {
        let device: String
        let offset: Int
        let length: Int
        /// Nil: a read.
        let bytes: [UInt8]?
        let request: PendingRequest
    }

    /// Of what lines and their places are multiples; beyond 1, there are lines that encode such blocks.
    private let unit: Int

    /// Whether the stores do (`LateStore`), but for the first.
    private let answersLate: Bool

    init(seed: UInt64, blockSectors: Int = 1, answersLate: Bool = false) {
        self.seed = seed
        self.answersLate = answersLate
        unit = blockSectors
        model = ReferenceModel(blockSize: blockSectors == 1 ? 1 : blockSectors * 512)
        generator = SeededGenerator(seed: seed)
    }

    mutating func perform(steps: Int) throws {
        for (name, sectors) in ModelTests.stores {
            let bytes = generator.bytes(sectors * 512)
            if answersLate && name != "s0" {
                devices.addStore(name, LateStore(MemoryStore(bytes), .seeded(seed)))
            } else {
                devices.addStore(name, MemoryStore(bytes))
            }
            model.stores[name] = bytes
        }
        for name in ModelTests.names {
            _ = try devices.registry.create(name: ByteString(name), uuid: .empty, minor: nil)
            model.devices[name] = ReferenceModel.Device()
            handles[name] = try devices.open(name)
        }
        for _ in 0..<steps {
            let name = ModelTests.names[Int.random(in: 0..<4, using: &generator)]
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<4: try load(name)
            case 4: try clear(name)
            case 5, 6: try suspend(name)
            case 7..<11: try resume(name)
            case 11: try flush(name)
            default: try access(name)
            }
            try checkStates()
        }
        for name in ModelTests.names { try endSuspension(name) }
        #expect(pending.isEmpty, "\(context)")
        for (name, _) in ModelTests.stores {
            #expect(devices.store(name)?.contents == model.stores[name], "\(name): \(context)")
        }
        for handle in handles.values { handle.close() }
        try devices.shutDown()
        for (name, _) in ModelTests.stores { #expect(devices.users(of: name) == 0, "\(context)") }
    }

    private var context: String { "seed \(seed): \(history.suffix(12).joined(separator: "; "))" }

    private func reference(_ name: String) -> DeviceReference { .name(ByteString(name)) }

    private func checkStates() throws {
        for name in ModelTests.names {
            let info = try devices.registry.info(reference(name))
            let state = model.devices[name]
            #expect(info.isSuspended == state?.isSuspended, "\(name): \(context)")
            #expect(info.hasLiveTable == (state?.live != nil), "\(name): \(context)")
            #expect(info.hasInactiveTable == (state?.inactive != nil), "\(name): \(context)")
            #expect(info.size.count == UInt64(state?.live?.sectors ?? 0), "\(name): \(context)")
        }
    }

    // MARK: Tables

    private mutating func randomTable(below name: String) -> ReferenceModel.Table {
        var places = ModelTests.stores.map { ReferenceModel.Place.store($0.0) }
        places += ModelTests.names.filter { $0 < name }.map { .device($0) }
        var lines: [(length: Int, target: ReferenceModel.Target)] = []
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let length = unit * Int.random(in: 1...12 / min(unit, 6), using: &generator)
            switch Int.random(in: 0..<12, using: &generator) {
            case 7..<11 where unit > 1:
                let (place, start) = randomPlace(among: places, length: length)
                let key = UInt8.random(in: 1...255, using: &generator)
                lines.append((length, .xor(place, start: start, key: key, block: unit * 512)))
            case 0: lines.append((length, .zero))
            case 1 where generator.once(in: 3): lines.append((length, .error))
            case 2..<7:
                let chunk = unit * Int.random(in: 1...(unit > 1 ? 1 : 4), using: &generator)
                let rows = Int.random(in: 1...(unit > 1 ? 1 : 2), using: &generator)
                let stripes = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                    randomPlace(among: places, length: chunk * rows)
                }
                lines.append((chunk * rows * stripes.count, .striped(chunk: chunk, stripes)))
            default:
                let (place, start) = randomPlace(among: places, length: length)
                lines.append((length, .linear(place, start: start)))
            }
        }
        return ReferenceModel.Table(lines: lines, isReadOnly: generator.once(in: 10))
    }

    /// Mostly where it fits.
    private mutating func randomPlace(
        among places: [ReferenceModel.Place], length: Int
    ) -> (ReferenceModel.Place, start: Int) {
        let place = places[Int.random(in: 0..<places.count, using: &generator)]
        let room = model.sectors(of: place) - length + (generator.once(in: 40) ? 3 : 0)
        return (place, unit * Int.random(in: 0...max(room, 0) / unit, using: &generator))
    }

    private mutating func load(_ name: String) throws {
        let table = randomTable(below: name)
        history.append("load \(name) \(table.isReadOnly ? "ro " : "")[\(table.text)]")
        let refused = model.devices[name]?.hadTable == false && !model.fits(table)
        let error = refusal { () throws(DMError) in
            try devices.load(name, table.text, readOnly: table.isReadOnly)
        }
        guard model.standsOnDisks(table) else {
            #expect(error?.errno == .noSuchAddressOrDevice, "\(context)")
            return
        }
        #expect(error?.errno == (refused ? .invalidArgument : nil), "\(context)")
        guard !refused else { return }
        model.devices[name]?.inactive = table
        guard model.devices[name]?.hadTable == false else { return }
        let takesDiscards = model.takesDiscards(table)
        model.devices[name]?.hadTable = true
        model.devices[name]?.takesDiscards = takesDiscards
    }

    private mutating func clear(_ name: String) throws {
        history.append("clear \(name)")
        _ = try devices.registry.clear(reference(name))
        model.devices[name]?.inactive = nil
    }

    /// Whether a request that `name` admitted is held below: then a suspend would wait.
    private func waitsBelow(_ name: String) -> Bool {
        pending.contains { request in
            request.device >= name && model.devices[name]?.isSuspended == false
        }
    }

    private mutating func suspend(_ name: String) throws {
        guard !waitsBelow(name) else { return }
        history.append("suspend \(name)")
        _ = try devices.registry.suspend(
            reference(name), generator.once(in: 2) ? .noflush : [])
        model.devices[name]?.isSuspended = true
    }

    private mutating func resume(_ name: String) throws {
        guard let state = model.devices[name], !waitsBelow(name) else { return }
        history.append("resume \(name)")
        let error = refusal { () throws(DMError) in try devices.registry.resume(reference(name)) }
        if let table = state.inactive {
            model.devices[name]?.inactive = nil
            guard model.fits(table) else {
                model.devices[name]?.isSuspended = true
                #expect(error?.errno == .invalidArgument, "\(context)")
                return
            }
            let takesDiscards = model.takesDiscards(table)
            model.devices[name]?.live = table
            model.devices[name]?.takesDiscards = takesDiscards
        } else if state.isSuspended && state.live == nil {
            #expect(error?.errno == .invalidArgument, "\(context)")
            return
        }
        #expect(error == nil, "\(context)")
        model.devices[name]?.isSuspended = false
        try finishPending()
    }

    /// Gets a device out of suspension, so that everything ends.
    private mutating func endSuspension(_ name: String) throws {
        guard model.devices[name]?.isSuspended == true else { return }
        try clear(name)
        if model.devices[name]?.live == nil {
            let table = ReferenceModel.Table(lines: [(8, .zero)], isReadOnly: false)
            try devices.load(name, table.text)
            model.devices[name]?.inactive = table
            model.devices[name]?.hadTable = true
        }
        history.append("let go \(name)")
        _ = try devices.registry.resume(reference(name))
        if let table = model.devices[name]?.inactive {
            model.devices[name]?.live = table
            model.devices[name]?.takesDiscards = false
        }
        model.devices[name]?.inactive = nil
        model.devices[name]?.isSuspended = false
        try finishPending()
    }

    // MARK: Requests

    private mutating func flush(_ name: String) throws {
        guard let handle = handles[name], model.devices.values.allSatisfy({ !$0.isSuspended })
        else { return }
        history.append("flush \(name)")
        let error = refusal { () throws(DMError) in try handle.flush() }
        let hasTable = model.devices[name]?.live != nil
        // A lower device without a table fails a flush as well as anything else.
        if error == nil { #expect(hasTable, "\(context)") }
    }

    private mutating func access(_ name: String) throws {
        guard let handle = handles[name] else { return }
        let size = (model.devices[name]?.live?.sectors ?? 4) * 512
        var offset = Int.random(in: 0..<size, using: &generator)
        var length = min(Int.random(in: 1...4000, using: &generator), size - offset)
        if generator.once(in: 3) {
            (offset, length) = (offset / 512 * 512, max(length / 512, 1) * 512)
        }
        if generator.once(in: 30) { offset = size - min(offset, size) }
        let isWrite = generator.once(in: 2)
        if model.isHeld(name, offset..<offset + length) {
            // Several reads may wait, or one write: else their order would matter.
            let canWait = isWrite ? pending.isEmpty : pending.allSatisfy { $0.bytes == nil }
            guard canWait else { return }
            let bytes = isWrite ? generator.bytes(length) : nil
            history.append("held \(isWrite ? "write" : "read") \(name) \(offset) \(length)")
            let request =
                bytes.map { handle.beginWrite(UInt64(offset), $0) }
                ?? handle.beginRead(UInt64(offset), length)
            pending.append(
                Pending(
                    device: name, offset: offset, length: length, bytes: bytes, request: request))
            return
        }
        // What waits may be done already in part.
        guard pending.allSatisfy({ $0.bytes == nil }), !isWrite || pending.isEmpty else { return }
        history.append("\(isWrite ? "write" : "read") \(name) \(offset) \(length)")
        if isWrite {
            // A discard and a write-zeroes are writes of zeros.
            var range: IOOperation? =
                generator.once(in: 4) ? (generator.once(in: 2) ? .discard : .writeZeroes) : nil
            if range == .discard, let table = model.devices[name]?.live, !table.isReadOnly {
                if model.devices[name]?.takesDiscards == false {
                    #expect(throws: DMError(.notSupported), "\(context)") {
                        try handle.beginRange(.discard, UInt64(offset), length).get()
                    }
                    return
                }
                // How far it gets where a device below takes none any more is left open.
                if !model.discardsReach(name) { range = .writeZeroes }
            }
            let bytes =
                range == nil ? generator.bytes(length) : [UInt8](repeating: 0, count: length)
            let error = refusal { () throws(DMError) in
                guard let range else { return try handle.write(UInt64(offset), bytes) }
                try handle.beginRange(range, UInt64(offset), length).get()
            }
            let isDone = model.write(name, offset, bytes)
            #expect(error == (isDone ? nil : DMError(.ioError)), "\(context)")
            if !isDone || model.wroteTwice { takeStores() }
        } else {
            let expected = model.read(name, offset..<offset + length)
            let bytes = try? handle.read(UInt64(offset), length)
            #expect(bytes == expected, "\(context)")
        }
    }

    /// After a write that failed, or that overlaps itself in a store: which parts of it were done,
    /// or done last, is left open.
    private mutating func takeStores() {
        for (name, _) in ModelTests.stores { model.stores[name] = devices.store(name)?.contents }
    }

    /// What is not held any more has ended, or does soon.
    private mutating func finishPending() throws {
        var held: [Pending] = []
        for request in pending {
            guard
                !model.isHeld(
                    request.device, request.offset..<request.offset + request.length)
            else {
                held.append(request)
                continue
            }
            let outcome = try #require(request.request.wait(), "\(context)")
            if let bytes = request.bytes {
                let isDone = model.write(request.device, request.offset, bytes)
                #expect(outcome.error == (isDone ? nil : .ioError), "\(context)")
                if !isDone || model.wroteTwice { takeStores() }
            } else {
                let expected = model.read(
                    request.device, request.offset..<request.offset + request.length)
                #expect(outcome.error == (expected == nil ? .ioError : nil), "\(context)")
                #expect(outcome.bytes == expected ?? [], "\(context)")
            }
        }
        pending = held
    }
}
