import Foundation
import Testing

/// docs/device-file.md against what the kernel's devices and ours were found to do.
@Suite struct DeviceFilePageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A line is the call, padded to 44 columns if it is not longer, and what came of it.
    private static func calls(_ name: String) throws -> [(call: String, result: String)] {
        let file = root.appending(path: "Tests/Integration/\(name)")
        let text = try String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").map { line in
            let column = line.index(line.startIndex, offsetBy: 44)
            let cut = line[column] == " " ? column : line.lastIndex(of: " ") ?? column
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
        let rows = Set(page.split(separator: "\n").filter { $0.hasPrefix("| ") }.map(String.init))
        let kernel = try Self.calls("calls.kernel")
        let file = try Self.calls("calls.file")
        #expect(kernel.map(\.call) == file.map(\.call))
        #expect(kernel.count > 100)
        for (kernel, file) in zip(kernel, file) {
            if kernel.result == file.result {
                #expect(
                    rows.contains("| \(kernel.call) | \(kernel.result) |"), "\(kernel)")
            } else {
                let start = "| \(kernel.call) | \(kernel.result) | \(file.result) | "
                #expect(
                    rows.contains { $0.hasPrefix(start) && $0.count > start.count + 2 }, "\(kernel)"
                )
            }
        }
    }
}
