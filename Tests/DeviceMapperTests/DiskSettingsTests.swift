import DMTestSupport
import SystemPackage
import Testing

@testable import DeviceMapper

@Suite("what tools set of a device") struct DiskSettingsTests {
    private let devices = MemoryDevices()

    private func geometry(_ name: String) throws -> Geometry {
        let handle = try devices.open(name)
        defer { handle.close() }
        return handle.device.disk.settings.geometry
    }

    @Test("a geometry stays until a table of another size; every field of it is kept")
    func keepsGeometry() throws {
        let wanted = Geometry(cylinders: 65535, heads: 254, sectors: 253, start: 4_000_000_000)
        let d = DeviceReference.name(ByteString("d"))
        try devices.create("d", "0 16 zero")
        #expect(try geometry("d") == Geometry())
        try devices.registry.setGeometry(d, wanted)
        #expect(try geometry("d") == wanted)
        let handle = try devices.open("d")
        #expect(handle.settings == [32, 0, 4096, 65535, 254, 253, 4_000_000_000, 0])
        handle.close()
        try devices.load("d", "0 16 error")
        _ = try devices.registry.resume(d)
        #expect(try geometry("d") == wanted)
        try devices.load("d", "0 24 error")
        _ = try devices.registry.resume(d)
        #expect(try geometry("d") == Geometry())
        try devices.shutDown()
    }

    @Test("set read-only stays through tables, and taking it back leaves what the table says")
    func setsReadOnly() throws {
        let d = DeviceReference.name(ByteString("d"))
        try devices.create("d", "0 16 zero")
        let handle = try devices.open("d")
        handle.setReadOnly(true)
        #expect(handle.isReadOnly)
        #expect(try devices.registry.info(d).isReadOnly)
        try devices.load("d", "0 16 error")
        #expect(try devices.registry.resume(d).isReadOnly)
        handle.setReadOnly(false)
        #expect(try !devices.registry.info(d).isReadOnly)
        try devices.load("d", "0 16 error", readOnly: true)
        _ = try devices.registry.resume(d)
        handle.setReadOnly(true)
        handle.setReadOnly(false)
        #expect(handle.isReadOnly)
        handle.close()
        try devices.shutDown()
    }

    @Test("the block size of the cache is forgotten when nobody has the device open")
    func setsBlockSize() throws {
        try devices.create("d", "0 10 zero")
        let handle = try devices.open("d")
        #expect(handle.cacheBlockSize == 1024)
        for size: UInt32 in [512, 4096, 2048] {
            try handle.setCacheBlockSize(size)
            #expect(handle.cacheBlockSize == size)
        }
        for size: UInt32 in [0, 256, 3000, 8192, .max] {
            let error = #expect(throws: DMError.self) { try handle.setCacheBlockSize(size) }
            #expect(error?.errno == .invalidArgument)
        }
        let other = try devices.open("d")
        handle.close()
        #expect(other.cacheBlockSize == 2048)
        try devices.create("above", "0 8 linear d 0")
        let error = #expect(throws: DMError.self) { try other.setCacheBlockSize(512) }
        #expect(error?.errno == .resourceBusy)
        other.close()
        let again = try devices.open("d")
        #expect(again.cacheBlockSize == 1024)
        again.close()
        try devices.shutDown()
    }
}
