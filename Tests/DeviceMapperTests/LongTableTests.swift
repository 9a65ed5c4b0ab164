import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite struct LongTableTests {
    @Test("a table of 100,000 lines is right at every boundary")
    func everyBoundary() throws {
        let devices = MemoryDevices()
        let lineCount = 100_000
        var generator = SeededGenerator(seed: 11)
        // Line k maps one sector of the store, in a shuffled order.
        let order = (0..<lineCount).shuffled(using: &generator)
        var bytes = [UInt8](repeating: 0, count: lineCount * 512)
        for sector in 0..<lineCount {
            let tag = UInt32(sector)
            for byte in 0..<4 {
                let value = UInt8(truncatingIfNeeded: tag >> UInt32(8 * byte))
                bytes[sector * 512 + byte] = value
                bytes[sector * 512 + 508 + byte] = value
            }
        }
        devices.addStore("a", MemoryStore(bytes))
        _ = try devices.registry.create(name: ByteString("long"), uuid: .empty, minor: nil)
        let lines = order.enumerated().map { line, sector in
            TableLine(
                start: UInt64(line), length: 1, targetType: ByteString("linear"),
                parameters: ByteString("a \(sector)"))
        }
        let info = try devices.registry.load(
            .name(ByteString("long")), lines: lines, readOnly: false, resolver: devices)
        #expect(info.hasInactiveTable)
        _ = try devices.registry.resume(.name(ByteString("long")))
        #expect(devices.lookups(of: "a") == 1)
        let handle = try devices.open("long")
        #expect(handle.size == Sectors(UInt64(lineCount)))
        let table = try #require(
            devices.registry.device(.name(ByteString("long"))).tables.live)
        var wrong = 0
        for line in 0..<UInt64(lineCount) {
            for offset in [line * 512, line * 512 + 511] {
                table.withTarget(of: offset) { target in
                    if target.begin != line * 512 || target.end != line * 512 + 512 { wrong += 1 }
                }
            }
        }
        #expect(wrong == 0)
        // The last bytes of a line and the first of the next, in one request.
        for _ in 0..<1000 {
            let line = Int.random(in: 0..<lineCount - 1, using: &generator)
            let expected = [order[line], order[line + 1]].flatMap { sector in
                (0..<4).map { UInt8(truncatingIfNeeded: sector >> (8 * $0)) }
            }
            #expect(try handle.read(UInt64(line) * 512 + 508, 8) == expected)
        }
        #expect(throws: DMError(.ioError)) { try handle.read(UInt64(lineCount) * 512 - 1, 2) }
        handle.close()
        try devices.shutDown()
        #expect(devices.users(of: "a") == 0)
    }
}
