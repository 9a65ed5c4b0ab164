import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

/// What a device counts of its requests.
@Suite struct IOStatisticsTests {
    private func counts(_ devices: MemoryDevices, _ name: String) throws -> IOCounts {
        let info = try devices.registry.info(.name(ByteString(name)))
        return try #require(
            devices.registry.block(minor: info.number.minor, generation: info.generation)
        ).counts
    }

    @Test("each request counts once, with its sectors, on each device that it goes through")
    func counting() throws {
        let devices = MemoryDevices()
        devices.addStore("a", MemoryStore([UInt8](repeating: 1, count: 64 * 512)))
        try devices.create("lower", "0 64 linear a 0")
        try devices.create("upper", "0 32 linear lower 0")
        #expect(try counts(devices, "upper") == IOCounts())
        let handle = try devices.open("upper")
        for _ in 0..<3 { _ = try handle.read(0, 8 * 512) }
        try handle.write(512, [UInt8](repeating: 2, count: 512))
        try handle.beginRange(.discard, 0, 4096).get()
        try handle.beginRange(.writeZeroes, 4096, 4096).get()
        _ = try? handle.read(64 * 512, 512)
        for name in ["upper", "lower"] {
            let counts = try counts(devices, name)
            #expect(counts.reads.requests - (name == "upper" ? 1 : 0) == 3, "\(name)")
            #expect(counts.reads.sectors - (name == "upper" ? 1 : 0) == 24, "\(name)")
            #expect(counts.writes.requests == 2 && counts.writes.sectors == 9, "\(name)")
            #expect(counts.discards.requests == 1 && counts.discards.sectors == 8, "\(name)")
            for kind in [counts.reads, counts.writes, counts.discards] {
                #expect(kind.inFlight == 0, "\(name)")
            }
        }
        handle.close()
        try devices.shutDown()
    }

    @Test("a request that a suspended device holds isn't counted before it goes on")
    func held() throws {
        let devices = MemoryDevices()
        devices.addStore("a", MemoryStore([UInt8](repeating: 1, count: 64 * 512)))
        try devices.create("d", "0 64 linear a 0")
        let handle = try devices.open("d")
        _ = try devices.registry.suspend(.name(ByteString("d")))
        let read = handle.beginRead(0, 512)
        #expect(try counts(devices, "d").reads == IOCounts.Kind())
        _ = try devices.registry.resume(.name(ByteString("d")))
        try read.get()
        #expect(try counts(devices, "d").reads.requests == 1)
        handle.close()
        try devices.shutDown()
    }
}
