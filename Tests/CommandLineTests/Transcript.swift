import DeviceMapper
import SystemPackage

@testable import DMCommandLine

/// What dmsetup 1.02.185 printed on Linux 6.1, as a list of steps.
///
///     # files: loop0 1048576, ...      backing files and their sizes
///     $ dmsetup ...                    a command; quotes as in sh, newlines inside them. In front
///                                      may stand NAME=VALUE, behind it <<<'standard input'
///     $ exec 3</dev/mapper/NAME        an open, and
///     $ exec 3<&-                      its close
///     % dmsetup ...                    a command whose output was not recorded
///     output lines                     both streams as one; or with "> " and "! " each by itself
///     = STATUS
///     K| device-mapper: ...            what the kernel logged: our reason
struct Transcript {
    struct Step {
        var command = ""
        var isSilent = false
        var lines: [String] = []
        var status: Int32 = 0
        var kernelLines: [String] = []

        var hasStreams: Bool {
            !lines.isEmpty && lines.allSatisfy { $0.hasPrefix("> ") || $0.hasPrefix("! ") }
        }

        func stream(_ mark: String) -> String {
            lines.filter { $0.hasPrefix(mark) }.map { $0.dropFirst(2) + "\n" }.joined()
        }

        /// As the shell reads it, the name of the program included.
        private var allWords: [String] { Transcript.words(command) }

        /// The words behind the program's name.
        var arguments: [String] {
            allWords.drop { $0 != "dmsetup" }.dropFirst().filter { !$0.hasPrefix("<<<") }
        }

        /// What is set for the one command.
        var environment: [String: String] {
            let settings = allWords.prefix { $0 != "dmsetup" }.map {
                $0.split(separator: "=", maxSplits: 1).map(String.init)
            }
            return Dictionary(uniqueKeysWithValues: settings.map { ($0[0], $0[1]) })
        }

        var input: String {
            allWords.last.flatMap { $0.hasPrefix("<<<") ? $0.dropFirst(3) + "\n" : nil } ?? ""
        }
    }

    private(set) var files: [(name: String, size: Int)] = []
    private(set) var steps: [Step] = []

    /// Reads `Transcripts/NAME.txt` beside this file.
    init(_ name: String, source: String = #filePath) throws {
        let folder = source.split(separator: "/").dropLast().joined(separator: "/")
        let bytes = try SystemCalls.contents(
            of: ByteString("/\(folder)/Transcripts/\(name).txt"))
        let text = String(decoding: bytes, as: UTF8.self)
        var isInCommand = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let line = String(line)
            if isInCommand {
                steps[steps.count - 1].command += "\n" + line
                isInCommand = Self.hasOpenQuote(steps[steps.count - 1].command)
            } else if line.hasPrefix("# files: ") {
                files = line.dropFirst(9).split(separator: ",").compactMap { file in
                    let words = file.split(separator: " ")
                    return Int(words[1]).map { (String(words[0]), $0) }
                }
            } else if line.hasPrefix("$ ") || line.hasPrefix("% ") {
                steps.append(
                    Step(command: String(line.dropFirst(2)), isSilent: line.hasPrefix("%")))
                isInCommand = Self.hasOpenQuote(line)
            } else if line.hasPrefix("= ") {
                steps[steps.count - 1].status = Int32(line.dropFirst(2)) ?? -1
            } else if line.hasPrefix("K| ") {
                steps[steps.count - 1].kernelLines.append(String(line.dropFirst(3)))
            } else {
                steps[steps.count - 1].lines.append(line)
            }
        }
    }

    private static func hasOpenQuote(_ text: String) -> Bool {
        !text.count(where: { $0 == "'" }).isMultiple(of: 2)
    }

    /// The words of a command: blanks separate, single quotes keep together.
    private static func words(_ command: String) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        for character in command {
            if character == "'" {
                isQuoted.toggle()
                word = word ?? ""
            } else if character == " ", !isQuoted {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        return word.map { words + [$0] } ?? words
    }
}
