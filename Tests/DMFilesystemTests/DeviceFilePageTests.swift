import Foundation
import Testing

/// docs/device-file.md against what the kernel's devices and ours were found to do.
@Suite struct DeviceFilePageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A line is the call, padded to 44 columns, and what came of it.
    private static func calls(_ name: String) throws -> [(call: String, result: String)] {
        let file = root.appending(path: "Tests/Integration/\(name)")
        let text = try String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").map { line in
            let gap = line.lastIndex(of: " ") ?? line.startIndex
            let cut = line.index(line.startIndex, offsetBy: 44, limitedBy: gap) ?? gap
            return (
                line[..<cut].trimmingCharacters(in: .whitespaces),
                line[cut...].trimmingCharacters(in: .whitespaces)
            )
        }
    }

    @Test("the page lists each call, as equal or with what differs")
    func listsAll() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "docs/device-file.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| ") }
        let kernel = try Self.calls("calls.kernel")
        let file = try Self.calls("calls.file")
        #expect(kernel.map(\.call) == file.map(\.call))
        #expect(kernel.count > 100)
        for (kernel, file) in zip(kernel, file) {
            if kernel.result == file.result {
                #expect(
                    rows.contains { $0 == "| \(kernel.call) | \(kernel.result) |" }, "\(kernel)")
            } else {
                let start = "| \(kernel.call) | \(kernel.result) | \(file.result) | "
                #expect(
                    rows.contains { $0.hasPrefix(start) && $0.count > start.count + 2 }, "\(kernel)"
                )
            }
        }
    }
}
