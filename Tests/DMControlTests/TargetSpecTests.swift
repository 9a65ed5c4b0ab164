import DeviceMapper
import SystemPackage
import Testing

@testable import DMControl

@Suite struct TargetSpecTests {
    /// A load of "0 8 zero" and "8 8 linear 7:0 0", as libdevmapper sends it.
    private static let load: [UInt8] = hex(
        """
        00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 30 00 00 00
        7a 65 72 6f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 30 00 00 00
        6c 69 6e 65 61 72 00 00 00 00 00 00 00 00 00 00 37 3a 30 20 30 00 00 00
        """)

    private func request(_ data: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: DMIoctl.size) + data
    }

    private func decode(
        _ data: [UInt8], start: UInt32 = 312, count: UInt32 = 1
    ) throws(DMError) -> [TableLine] {
        try TargetSpec.decodeLoad(request(data), dataStart: start, count: count)
    }

    private func refusal(
        _ data: [UInt8], start: UInt32 = 312, count: UInt32 = 1
    ) -> DMError? {
        #expect(throws: DMError.self) { try self.decode(data, start: start, count: count) }
    }

    /// A record with its string behind it, not padded.
    private func record(next: UInt32, _ parameters: [UInt8]) -> [UInt8] {
        var bytes = Array(TargetSpecTests.load[..<40])
        bytes.set(next, at: 20)
        return bytes + parameters
    }

    @Test("a load is read as the kernel reads it: next counts from each record")
    func decodesLoad() throws {
        let specs = try decode(TargetSpecTests.load, count: 2)
        #expect(specs == [spec(0, 8, "zero"), spec(8, 8, "linear", "7:0 0")])
    }

    @Test("a load is written as libdevmapper writes it")
    func encodesLoad() {
        var bytes: [UInt8] = []
        TargetSpec.encodeLoad(
            [spec(0, 8, "zero"), spec(8, 8, "linear", "7:0 0")], appendingTo: &bytes)
        #expect(bytes == TargetSpecTests.load)
    }

    @Test("lines come back from a load as they went in", arguments: 0..<20)
    func roundTrip(length: Int) throws {
        let parameters = String(repeating: "p", count: length)
        let specs = (0..<5).map { spec($0 &* 0x1234_5678_9abc, .max, "type\($0)", parameters) }
        var bytes: [UInt8] = []
        TargetSpec.encodeLoad(specs, appendingTo: &bytes)
        #expect(try decode(bytes, count: 5) == specs)
    }

    @Test("records may stand apart, the last one's next is not looked at")
    func gaps() throws {
        let bytes = padded(record(next: 64, [0x70, 0]), to: 64) + record(next: 3, [0x71, 0])
        #expect(try decode(bytes, count: 2).map(\.parameters) == ["p", "q"].map { ByteString($0) })
    }

    @Test("no targets are EINVAL in the kernel's words")
    func noTargets() {
        let error = refusal(TargetSpecTests.load, count: 0)
        #expect(
            error == DMError(.invalidArgument, "populate_table: no targets specified"))
    }

    @Test(
        "a first record that is not where it claims to be is EINVAL",
        arguments: [
            0, 8, 304, 311, 313, 360, 408, 4096, UInt32.max - 7, UInt32.max,
        ] as [UInt32])
    func badStart(start: UInt32) {
        #expect(refusal(TargetSpecTests.load, start: start, count: 2)?.errno == .invalidArgument)
    }

    @Test(
        "a second record that overlaps, is not aligned or lies outside is EINVAL",
        arguments: [
            0, 8, 40, 41, 47, 49, 52, 56, 96, 1 << 31, UInt32.max - 7, UInt32.max,
        ] as [UInt32])
    func badNext(next: UInt32) {
        var bytes = TargetSpecTests.load
        bytes.set(next, at: 20)
        #expect(refusal(bytes, count: 2)?.errno == .invalidArgument)
    }

    @Test("a record may begin right behind the string before it, and no earlier")
    func tight() throws {
        // 7 bytes and the NUL: 48 in all.
        let first = Array("0123456".utf8) + [0]
        let second = record(next: 0, [0])
        #expect(try decode(record(next: 48, first) + second, count: 2).count == 2)
        let longer = Array("01234567".utf8) + [0]
        let error = refusal(padded(record(next: 48, longer), to: 56) + second, count: 2)
        #expect(
            error?.message
                == "populate_table: next target spec (offset 48) overlaps previous target")
    }

    @Test("parameters without a NUL are EINVAL")
    func unterminated() {
        #expect(
            refusal(record(next: 0, [0x70, 0x71]))?.message
                == "populate_table: target parameters not NUL-terminated")
        // The record fits, its string does not at all.
        #expect(refusal(record(next: 0, []))?.errno == .invalidArgument)
    }

    @Test("a load cut anywhere is EINVAL, never more than what is there")
    func truncated() {
        for size in 0..<(TargetSpecTests.load.count - 2) {
            let error = refusal(Array(TargetSpecTests.load[..<size]), count: 2)
            #expect(error?.errno == .invalidArgument, "cut at \(size)")
            guard size <= TargetSpec.size else { continue }
            #expect(error?.message == "unable to find target", "cut at \(size)")
        }
    }

    @Test("more targets claimed than there are is EINVAL, and reserves nothing for them")
    func tooManyClaimed() {
        #expect(refusal(TargetSpecTests.load, count: .max)?.errno == .invalidArgument)
    }

    @Test("a type that fills its field is read as 16 bytes")
    func longType() throws {
        var bytes = record(next: 0, [0])
        for offset in 24..<40 { bytes[offset] = 0x78 }
        #expect(try decode(bytes)[0].targetType.count == 16)
    }

    @Test("a load of random bytes never traps", arguments: 0..<200)
    func random(seed: Int) {
        var state = UInt64(seed &* 7919 &+ 1)
        var bytes = TargetSpecTests.load
        for _ in 0..<4 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
        }
        _ = try? decode(bytes, count: 2)
        _ = try? TargetSpec.decodeStatus(request(bytes), dataStart: 312, count: 2)
    }

    @Test("100,000 lines are written and read in time linear in them")
    func longTable() throws {
        let specs = (0..<100_000).map { spec(UInt64($0) * 8, 8, "linear", "7:0 \($0 * 8)") }
        var bytes = request([])
        TargetSpec.encodeLoad(specs, appendingTo: &bytes)
        let decoded = try TargetSpec.decodeLoad(bytes, dataStart: 312, count: 100_000)
        #expect(decoded.count == 100_000 && decoded.last == specs.last)
    }

    // MARK: Status

    @Test("a status is read with next counted from the first record")
    func decodesStatus() throws {
        var bytes = TargetSpecTests.load
        // In the first record both ways are the same; the second one's points behind the end.
        bytes.set(UInt32(96), at: 48 + 20)
        let specs = try TargetSpec.decodeStatus(request(bytes), dataStart: 312, count: 2)
        #expect(specs == [spec(0, 8, "zero"), spec(8, 8, "linear", "7:0 0")])
    }

    @Test(
        "a status that goes back or ends early is EPROTO", arguments: [0, 8, 1 << 20] as [UInt32])
    func badStatus(next: UInt32) {
        var bytes = TargetSpecTests.load
        bytes.set(next, at: 20)
        let error = #expect(throws: DMError.self) {
            try TargetSpec.decodeStatus(
                self.request(bytes), dataStart: 312, count: next == 8 ? 3 : 2)
        }
        #expect(error?.errno == .protocolError)
    }
}
