import Foundation
import Testing

@testable import DeviceMapper

/// The table of docs/limits.md and `Limits` say the same.
@Suite struct LimitsTests {
    private static let page: [String] = {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try? String(contentsOf: root.appending(path: "docs/limits.md"), encoding: .utf8)
        return text?.split(separator: "\n").map(String.init) ?? []
    }()

    @Test(
        "the page's rows have the numbers that the code has",
        arguments: [
            ("device name, uuid", "\(Limits.nameBytes) and \(Limits.uuidBytes) bytes"),
            ("targets a table", "2^\(log2(Limits.targetsOfTable))"),
            ("devices", "2^\(log2(Limits.minors)) minors"),
            ("mapped devices one on another", "\(Limits.stackedDevices)"),
            ("table size", "2^\(log2(Int(Limits.sectors + 1))) - 1 sectors"),
            (
                "bytes of held writes in memory",
                "\(mebibytes(Limits.heldBytes)) (`mount --held-memory MIB`)"
            ),
            ("bytes of held writes in memory", "\(mebibytes(Limits.heldBytesInTransit)) at least"),
            (
                "mapped windows of backing files",
                "\(Limits.fileWindows) of \(mebibytes(Int(Limits.fileWindowBytes)))"
            ),
            (
                "parts of requests at once",
                "\(Limits.parts) of all requests together, and beyond these "
                    + "\(Limits.partsOfOneBeyond) of each"
            ),
            (
                "memory that devices, tables and requests leave for what can't be refused",
                mebibytes(Limits.reservedBytes)
            ),
            ("a line of the daemon's log", "\(Limits.logLineBytes) bytes"),
            (
                "links and directories of users in the mount",
                "65,536, and \(mebibytes(Limits.userLinkBytes))"
            ),
            (
                "what open directories and texts of the mount keep of their lists",
                mebibytes(Limits.listingBytes)
            ),
            ("devices with a BLKFLSBUF under way", "\(Limits.bufferFlushes)"),
        ])
    func says(row: String, number: String) throws {
        let line = try #require(Self.page.first { $0.hasPrefix("| \(row) | ") }, "no row \(row)")
        let value = line.dropFirst("| \(row) | ".count)
        #expect(value.contains(number), "\(row)")
    }

    @Test("which is said with a comma") func userLinks() { #expect(Limits.userLinks == 65_536) }

    private static func log2(_ number: Int) -> Int { number.trailingZeroBitCount }
    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
}
