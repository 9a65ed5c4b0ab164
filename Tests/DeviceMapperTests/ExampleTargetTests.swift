import DMTestSupport
import Foundation
import Testing

@testable import DeviceMapper

/// The worked example of docs/targets/README.md.
@Suite struct ExampleTargetTests {
    @Test("the manual shows the example as it is compiled")
    func isShown() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let example = try String(
            contentsOf: tests.appending(path: "ExampleTarget.swift"), encoding: .utf8)
        let page = tests.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "docs/targets/README.md")
        let manual = try String(contentsOf: page, encoding: .utf8)
        #expect(manual.contains("```swift\n\(example)```\n"))
    }

    @Test("the example does what it says")
    func inverts() throws {
        var configuration = RegistryConfiguration(mappedMajor: 254, backingMajor: 251)
        configuration.moreTargetTypes = [InvertTarget.type]
        let devices = MemoryDevices(configuration)
        let store = devices.addStore("a", sectors: 64)
        try devices.create("x", "0 32 invert a 8")
        let handle = try devices.open("x")
        try handle.write(512, [1, 2, 0xf0])
        #expect(Array(store.contents[(9 * 512)..<(9 * 512 + 3)]) == [0xfe, 0xfd, 0x0f])
        #expect(try handle.read(512, 4) == [1, 2, 0xf0, 0xff])
        try handle.writeZeroes(512, 2)
        #expect(try handle.read(512, 4) == [0, 0, 0xf0, 0xff])
        handle.close()
        try devices.shutDown()
    }
}
