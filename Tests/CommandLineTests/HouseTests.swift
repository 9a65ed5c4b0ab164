import Foundation
import Testing

/// How the sources are arranged: who imports whom, that each file is needed, that what other modules see is
/// documented.
@Suite struct HouseTests {
    private struct Source {
        /// The directory below Sources.
        let module: String
        let path: String
        let lines: [Substring]
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let sources: [Source] = {
        let directory = root.appending(path: "Sources")
        let files = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return (files?.compactMap { $0 as? URL } ?? []).compactMap { file in
            guard file.pathExtension == "swift",
                let text = try? String(contentsOf: file, encoding: .utf8)
            else { return nil }
            let path = file.path.dropFirst(directory.path.count + 1)
            return Source(
                module: String(path.prefix { $0 != "/" }), path: String(path),
                lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }.sorted { $0.path < $1.path }
    }()

    /// What the C library and Swift's own libraries bring; anybody may import them.
    private static let system: Set = ["Glibc", "Synchronization", "SystemPackage"]
    /// What each module sees beside that. One way only.
    private static let imports: [String: Set<String>] = [
        "DeviceMapper": ["CLinux"],
        "DMControl": ["CLinux", "DeviceMapper"],
        "DMFilesystem": ["CFuse", "DeviceMapper"],
        "DMCommandLine": [
            "CLinux", "DMControl", "DMFilesystem", "DeviceMapper", "Foundation",
            "Logging",
        ],
        "dmfuse": ["CCommit", "DMCommandLine"],
        "manual": ["DMCommandLine"],
        "DMTestSupport": ["DeviceMapper"],
        "explore": ["DMTestSupport", "DeviceMapper"],
        "fuzz": ["DMCommandLine", "DMControl", "DMTestSupport", "DeviceMapper"],
        "instructions": ["DeviceMapper"],
        "seamcost": ["DMTestSupport", "DeviceMapper"],
    ]

    @Test("a module imports only what is below it")
    func layers() {
        #expect(Self.sources.count > 200)
        for source in Self.sources {
            for line in source.lines {
                guard let match = line.firstMatch(of: /^\s*(?:@\w+ +)?(?:\w+ +)?import +(\w+)/)
                else { continue }
                let module = String(match.1)
                let isAllowed =
                    Self.system.contains(module)
                    || Self.imports[source.module]?.contains(module) == true
                #expect(isAllowed, "\(source.path) imports \(module)")
            }
        }
    }

    @Test("libfuse's headers are seen by CFuse alone")
    func libfuse() throws {
        for directory in ["Sources", "Tests"] {
            let files = FileManager.default.enumerator(
                at: Self.root.appending(path: directory), includingPropertiesForKeys: nil)
            for file in files?.compactMap({ $0 as? URL }) ?? []
            where ["c", "h"].contains(file.pathExtension) {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(
                    text.firstMatch(of: /#include.*(?:fuse3?\/|fuse_lowlevel)/) == nil,
                    "\(file.lastPathComponent)")
            }
        }
    }

    @Test("each file declares something that another file uses")
    func deadFiles() {
        let declaration =
            /\b(?:class|struct|enum|protocol|extension|func|typealias|case|let|var|macro) +`?(\w+)/
        var users: [Substring: Set<Int>] = [:]
        for (index, source) in Self.sources.enumerated() {
            for line in source.lines where !line.drop(while: \.isWhitespace).hasPrefix("///") {
                for word in line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }
                )
                where users[word]?.contains(index) != true {
                    users[word, default: []].insert(index)
                }
            }
        }
        for (index, source) in Self.sources.enumerated() where !source.path.hasSuffix("main.swift")
        {
            let names = source.lines.flatMap { $0.matches(of: declaration).map(\.1) }
            // Callbacks are called from C, and an executable's entry by the system.
            let isEntry = source.lines.contains { $0.contains("@c") || $0.contains("@main") }
            let isUsed = names.contains { users[$0, default: []].contains { $0 != index } }
            #expect(isEntry || isUsed, "\(source.path): nobody uses it")
        }
    }

    @Test("the files that docs/architecture.md names are there")
    func walks() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "docs/architecture.md"), encoding: .utf8)
        let names = page.matches(of: /`(\w+(?:\/\w+)*\/[\w+]+\.swift)`/).map { String($0.1) }
        #expect(names.count > 20)
        for name in names {
            #expect(
                Self.sources.contains { $0.path == name || $0.path.hasSuffix("/\(name)") },
                "\(name)")
        }
    }

    @Test("the targets' manual shows its example as it is compiled")
    func example() throws {
        let file = "DMTestSupport/Targets/XorTarget.swift"
        let source = try #require(Self.sources.first { $0.path == file })
        // Without the #if around it, which indents it.
        let lines = source.lines.dropFirst().prefix { $0 != "#endif" }.map {
            $0.hasPrefix("    ") ? $0.dropFirst(4) : $0
        }
        let page = try String(
            contentsOf: Self.root.appending(path: "docs/targets/README.md"), encoding: .utf8)
        #expect(page.contains("```swift\n\(lines.joined(separator: "\n"))\n```\n"))
    }

    @Test("a type that other modules see is documented")
    func documented() {
        let declaration =
            /^\s*(?:@\w+(?:\([^)]*\))? )*(?:public|package) (?:final |indirect )*(?:class|struct|enum|protocol) (\w+)/
        for source in Self.sources {
            for (index, line) in source.lines.enumerated() {
                guard let match = line.firstMatch(of: declaration) else { continue }
                let before = source.lines[..<index].last {
                    !$0.drop(while: \.isWhitespace).hasPrefix("@")
                }
                #expect(
                    before?.drop(while: \.isWhitespace).hasPrefix("///") == true,
                    "\(source.path): \(match.1) has no comment")
            }
        }
    }

    /// A function that carries a protocol out is documented there: one comment for each name will do. The names of
    /// Swift's own protocols are known.
    @Test("a function that other modules see is documented")
    func documentedFunctions() {
        let declaration = /\bfunc (\w+)/
        let known: Set<Substring> = ["hash", "next", "appendLiteral", "appendInterpolation"]
        var documented = known
        var others: [(name: Substring, path: String)] = []
        for source in Self.sources {
            for (index, line) in source.lines.enumerated() {
                guard let match = line.firstMatch(of: declaration) else { continue }
                let before = source.lines[..<index].last {
                    !$0.drop(while: \.isWhitespace).hasPrefix("@")
                }
                if before?.drop(while: \.isWhitespace).hasPrefix("///") == true {
                    documented.insert(match.1)
                } else if line.contains("package "), source.module != "DMTestSupport" {
                    others.append((match.1, source.path))
                }
            }
        }
        for other in others where !documented.contains(other.name) {
            Issue.record("\(other.path): \(other.name) has no comment")
        }
    }
}
