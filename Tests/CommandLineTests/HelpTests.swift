import DeviceMapper
import Testing

@testable import DMCommandLine

/// Our own command line: verbs, help and completion.
@Suite struct HelpTests {
    private struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    private func run(_ words: [String]) -> Outcome {
        let recorder = Recorder()
        let line = OwnCommandLine(
            programName: "dmfuse", console: recorder.console(),
            surroundings: .process(commit: "abc"))
        let status = line.run(words.map { ByteString($0) })
        return Outcome(status: status, output: recorder.outputText, errors: recorder.errorText)
    }

    @Test(
        "a wrong use of our own verbs is one line, and names what is wrong",
        arguments: [
            (["mount"], "mount: a directory is missing"),
            (["mount", "--threads", "1", "x"], "mount: --threads takes 2 to 64, not '1'"),
            (["mount", "--threads", "+4", "x"], "mount: --threads takes 2 to 64, not '+4'"),
            (["--dir", "a", "unmount", "b"], "unmount: a directory is named twice"),
            (["mount", "--dir=a", "b"], "mount: a directory is named twice"),
            (["mount", "--trace", "all", "x"], "mount: --trace takes lifecycle, not 'all'"),
            (["mount", "--frob", "x"], "mount: unrecognized option '--frob'"),
            (["mount", "--dir"], "mount: option '--dir' requires an argument"),
            (["--dir"], "option '--dir' requires an argument"),
            (
                ["unmount", "a", "b"],
                "unmount: Incorrect number of arguments. Try 'dmfuse unmount --help'."
            ),
            (["run"], "run: a command is missing"), (["run", "--"], "run: a command is missing"),
            (["run", "--frob", "ls"], "run: unrecognized option '--frob'"),
            (["help", "frob"], "help: frob: there is no such command; 'dmfuse help' lists them"),
            (["frob", "--help"], "frob: Unknown command. Try 'dmfuse --help'."),
            (
                ["completion", "csh"],
                "completion: csh: no completion for it: there are bash, zsh and fish"
            ),
            ([], "a command is missing. Try 'dmfuse --help'."),
        ])
    func wrongUse(words: [String], line: String) {
        let outcome = run(words)
        #expect(outcome.status == (words.first == "run" ? 125 : 1))
        #expect(outcome.errors == "dmfuse: \(line)\n")
        #expect(outcome.output.isEmpty)
    }

    @Test("an option of every command stands before or behind a verb's name")
    func leadingOptions() {
        let line =
            "dmfuse: unmount /nosuch: No such file or directory: no dmfuse is mounted there\n"
        for words in [
            ["--dir", "/nosuch", "unmount"], ["--dir=/nosuch", "umount"],
            ["unmount", "--dir", "/nosuch"], ["unmount", "/nosuch"], ["umount", "--di=/nosuch"],
        ] {
            let outcome = run(words)
            #expect(outcome.errors == line, "\(words)")
            #expect(outcome.status == 1)
        }
    }

    @Test("help lists each command, on standard output")
    func overview() {
        for words in [["--help"], ["-h"], ["help"], ["--dir", "/x", "--help"]] {
            let outcome = run(words)
            #expect(outcome.status == 0 && outcome.errors.isEmpty)
            for command in CompletedCommand.all {
                #expect(outcome.output.contains("\n  \(command.names[0]) "), "\(command.names)")
            }
        }
    }

    @Test("each command has help of its own, by three ways, with an example and short lines")
    func pages() {
        for command in CompletedCommand.all {
            let name = command.names[0]
            let text = run(["help", name]).output
            #expect(run([name, "--help"]).output == text, "\(name)")
            #expect(run(["--help", name]).output == text, "\(name)")
            #expect(text.hasPrefix("Usage: dmfuse \(name)"))
            #expect(text.contains("\n\nExample:\n"))
            let other = name == "reload" ? "load" : name
            #expect(command.page.example.contains("dmfuse \(other)"), "\(name)")
            for line in text.split(separator: "\n") { #expect(line.utf8.count < 80, "\(line)") }
            for spelling in command.spellings { #expect(text.contains(spelling), "\(name)") }
        }
    }

    @Test("each option is some command's, or of every command, or said to change nothing")
    func options() {
        var known = Set(CommandPage.withoutEffect).union(OptionTable.common)
        for command in CompletedCommand.all { known.formUnion(command.options) }
        #expect(Set(OptionID.allCases).subtracting(known) == [.statistics])
        for id in OptionID.allCases where id != .statistics {
            #expect(!OptionTable.spellings(of: id).isEmpty)
            guard id != .readyDescriptor else { continue }
            #expect(OptionText(id)?.meaning.isEmpty == false, "\(id)")
            let takesValue = (OptionTable.long + OptionTable.own + OptionTable.verbs)
                .first { $0.id == id }?.takesValue
            // dmsetup's --verbose takes a value, by an oversight.
            #expect((OptionText(id)?.value != nil) == takesValue || id == .verbose, "\(id)")
        }
    }

    @Test("version and commit are shown by whatever command")
    func version() {
        let line = run(["--version"]).output
        #expect(line == "dmfuse \(VersionCommand.program) (abc)\n")
        for words in [["mount", "--version"], ["ls", "--version"]] {
            #expect(run(words).output == line)
        }
    }
}
