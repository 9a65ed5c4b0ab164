import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

@Suite struct LinearTests {
    @Test("a linear device is the lower device from its offset on")
    func mapsFromOffset() throws {
        let devices = MemoryDevices()
        let store = devices.addStore("a", sectors: 64)
        try devices.create("l", "0 16 linear a 8")
        let handle = try devices.open("l")
        try handle.write(512, [1, 2, 3])
        #expect(Array(store.contents[9 * 512..<9 * 512 + 4]) == [1, 2, 3, 0])
        #expect(try handle.read(513, 2) == [2, 3])
        handle.close()
        try devices.shutDown()
        #expect(devices.users(of: "a") == 0)
    }

    @Test("a request over two lines is split at the boundary")
    func splitsAtTargetBoundary() throws {
        let devices = MemoryDevices()
        let a = devices.addStore("a", sectors: 64)
        let b = devices.addStore("b", sectors: 64)
        try devices.create("l", "0 1 linear a 8\n1 4 linear b 2")
        let handle = try devices.open("l")
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try handle.write(100, bytes)
        #expect(Array(a.contents[8 * 512 + 100..<9 * 512]) == Array(bytes[..<412]))
        #expect(Array(b.contents[2 * 512..<2 * 512 + 588]) == Array(bytes[412...]))
        #expect(try handle.read(100, 1000) == bytes)
        handle.close()
        try devices.shutDown()
    }
}
