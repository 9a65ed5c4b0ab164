import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct StripedTests {
    struct Layout: Sendable, CustomTestStringConvertible {
        let chunk: Int
        /// Where each stripe begins on its device, in sectors.
        let starts: [Int]
        let rows: Int
        /// In sectors, before the striped target in its table.
        let before: Int

        var testDescription: String { "\(starts.count) stripes of \(chunk), from \(starts)" }
        var sectors: Int { chunk * starts.count * rows }
    }

    static let layouts: [Layout] = [
        Layout(chunk: 1, starts: [0], rows: 9, before: 0),
        Layout(chunk: 1, starts: [3, 0], rows: 7, before: 0),
        Layout(chunk: 3, starts: [0, 5], rows: 4, before: 7),
        Layout(chunk: 8, starts: [1, 2, 3, 4], rows: 3, before: 0),
        Layout(chunk: 24, starts: [0, 17, 301], rows: 5, before: 0),
        Layout(chunk: 24, starts: [9, 1, 40], rows: 3, before: 11),
        Layout(chunk: 5, starts: [0, 1, 2, 3, 4, 5, 6], rows: 2, before: 1),
        Layout(chunk: 128, starts: [0, 64], rows: 2, before: 0),
        Layout(chunk: 1, starts: [3, 0, 7], rows: 200, before: 5),
    ]

    private func make(_ layout: Layout) throws -> (MemoryDevices, [MemoryStore], DeviceHandle) {
        let devices = MemoryDevices()
        var stores: [MemoryStore] = []
        for (index, start) in layout.starts.enumerated() {
            stores.append(
                devices.addStore("s\(index)", sectors: start + layout.chunk * layout.rows + 3))
        }
        let destinations = layout.starts.enumerated().map { "s\($0) \($1)" }
        let line =
            "\(layout.before) \(layout.sectors) striped \(layout.starts.count) \(layout.chunk) "
            + destinations.joined(separator: " ")
        let zero = layout.before > 0 ? "0 \(layout.before) zero\n" : ""
        try devices.create("s", zero + line)
        return (devices, stores, try devices.open("s"))
    }

    /// The formula of the kernel's documentation, for one sector of the target.
    private func place(_ sector: Int, in layout: Layout) -> (stripe: Int, sector: Int) {
        let chunk = sector / layout.chunk
        let stripe = chunk % layout.starts.count
        return (
            stripe,
            layout.starts[stripe] + chunk / layout.starts.count * layout.chunk
                + sector % layout.chunk
        )
    }

    @Test("every byte lands where the formula says", arguments: layouts)
    func placesBytes(layout: Layout) throws {
        let (devices, stores, handle) = try make(layout)
        var generator = SeededGenerator(seed: UInt64(layout.sectors))
        let bytes = generator.bytes(layout.sectors * 512)
        try handle.write(UInt64(layout.before) * 512, bytes)
        var expected = stores.map { [UInt8](repeating: 0, count: Int($0.size)) }
        for sector in 0..<layout.sectors {
            let (stripe, lower) = place(sector, in: layout)
            expected[stripe].replaceSubrange(
                lower * 512..<(lower + 1) * 512, with: bytes[sector * 512..<(sector + 1) * 512])
        }
        for (store, expected) in zip(stores, expected) { #expect(store.contents == expected) }
        #expect(try handle.read(UInt64(layout.before) * 512, bytes.count) == bytes)
        for _ in 0..<50 {
            let from = Int.random(in: 0..<bytes.count, using: &generator)
            let count = Int.random(in: 0...min(20_000, bytes.count - from), using: &generator)
            let read = try handle.read(UInt64(layout.before * 512 + from), count)
            #expect(read == Array(bytes[from..<from + count]))
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("no request to a store crosses a chunk")
    func splitsAtChunks() throws {
        let layout = StripedTests.layouts[4]
        let (devices, stores, handle) = try make(layout)
        try handle.write(1000, [UInt8](repeating: 1, count: 70_000))
        for (store, start) in zip(stores, layout.starts) {
            for call in store.calls {
                let from = Int(call.offset) - start * 512
                #expect(from / (24 * 512) == (from + call.count - 1) / (24 * 512))
            }
        }
        handle.close()
        try devices.shutDown()
    }

    private func status(_ devices: MemoryDevices) throws -> String? {
        try devices.registry.tableStatus(.name(ByteString("s")), .info, inactive: false)
            .lines.first?.text.string
    }

    @Test("the stripe that failed shows D, and each error is an event")
    func countsErrors() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 16)
        let b = devices.addStore("b", sectors: 16)
        try devices.create("s", "0 32 striped 2 8 a 0 b 0")
        let handle = try devices.open("s")
        let before = try devices.registry.info(.name(ByteString("s"))).eventNumber
        #expect(try status(devices) == "2 251:0 251:1 1 AA")
        b.fail(after: 0, .ioError)
        #expect(throws: DMError(.ioError)) {
            try handle.write(0, [UInt8](repeating: 1, count: 8192))
        }
        #expect(try status(devices) == "2 251:0 251:1 1 AD")
        #expect(try devices.registry.info(.name(ByteString("s"))).eventNumber == before + 1)
        for _ in 0..<30 {
            b.fail(after: 0, .ioError)
            #expect(throws: DMError(.ioError)) { try handle.read(8 * 512, 1) }
        }
        // DM_IO_ERROR_THRESHOLD: the fifteenth and later errors are counted in silence.
        #expect(try devices.registry.info(.name(ByteString("s"))).eventNumber == before + 14)
        handle.close()
        try devices.shutDown()
    }

    @Test("a device that stands twice gets both letters, and what is not supported gets none")
    func matchesErrorsByDevice() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 32)
        devices.addStore("b", sectors: 16)
        try devices.create("s", "0 24 striped 3 8 a 0 b 0 a 16")
        let handle = try devices.open("s")
        a.fail(after: 0, .notSupported)
        #expect(throws: DMError(.notSupported)) { try handle.read(0, 1) }
        #expect(try status(devices) == "3 251:0 251:1 251:0 1 AAA")
        a.fail(after: 0, .ioError)
        #expect(throws: DMError(.ioError)) { try handle.read(0, 1) }
        #expect(try status(devices) == "3 251:0 251:1 251:0 1 DAD")
        handle.close()
        try devices.shutDown()
    }

    @Test("a request that its client gave up is no error of the stripe")
    func interruptionIsNoError() throws {
        let devices = MemoryDevices()
        devices.addStore("a", sectors: 16)
        devices.addStore("b", sectors: 16)
        try devices.create("l", "0 16 linear a 0")
        try devices.create("s", "0 32 striped 2 8 l 0 b 0")
        let handle = try devices.open("s")
        _ = try devices.registry.suspend(.name(ByteString("l")))
        let read = handle.beginRead(0, 512)
        #expect(!read.isDone)
        #expect(handle.cancel(read.request))
        #expect(read.wait()?.error == .interrupted)
        #expect(try status(devices) == "2 254:0 251:1 1 AA")
        #expect(try devices.registry.info(.name(ByteString("s"))).eventNumber == 0)
        _ = try devices.registry.resume(.name(ByteString("l")))
        handle.close()
        try devices.shutDown()
    }
}
