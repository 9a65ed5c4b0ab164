import Testing

@testable import DMCommandLine

/// Every command of the transcripts, run by us against the registry, prints what dmsetup printed
/// against the kernel.
@Suite struct TranscriptTests {
    @Test(
        "our output is dmsetup's to the byte, and our reason the kernel's",
        arguments: [
            "life", "tables", "commands", "stack", "opens", "grammar", "names-and-columns",
            "usage-and-listing", "columns-and-selection", "tables-and-options",
            "selection", "concise-and-mangling", "cookies",
        ])
    func replays(name: String) throws {
        let transcript = try Transcript(name)
        let fixture = try DaemonFixture()
        for file in transcript.files { fixture.addFile(file.name, size: file.size) }
        for step in transcript.steps {
            // What is /dev there is a directory of ours.
            let command = fixture.localised(step.command)
            if command.hasPrefix("exec ") {
                try exec(command, fixture)
                continue
            }
            let localised = Transcript.Step(command: command)
            let result = fixture.run(
                localised.arguments, input: localised.input, environment: localised.environment)
            if !step.isSilent { compare(step, result, fixture) }
        }
    }

    private func exec(_ command: String, _ fixture: DaemonFixture) throws {
        let words = command.dropFirst(5).split(separator: "<")
        guard let path = words.last, path != "&-" else { return fixture.close(String(words[0])) }
        try fixture.open(String(path.split(separator: "/").last ?? ""), as: String(words[0]))
    }

    private func compare(
        _ step: Transcript.Step, _ result: DaemonFixture.Result, _ fixture: DaemonFixture
    ) {
        let command = "\(step.command)"
        #expect(result.status == step.status, "\(command)")
        let (errors, reasons) = splitReasons(
            result.errors, of: step.lines.last == "! Command failed." || !step.hasStreams)
        checkReasons(reasons, step)
        let expected = step.lines.map(fixture.localised)
        if step.hasStreams {
            var step = step
            step.lines = expected
            #expect(result.output == step.stream("> "), "\(command)")
            #expect(errors == step.stream("! "), "\(command)")
        } else {
            // Standard output is written at the end.
            let text = expected.map { $0 + "\n" }.joined()
            #expect(errors + result.output == text, "\(command)")
        }
    }

    /// What stands behind "Command failed." is ours.
    private func splitReasons(_ errors: String, of hasReasons: Bool) -> (String, [String]) {
        let lines = errors.split(separator: "\n", omittingEmptySubsequences: false)
        guard hasReasons, let end = lines.firstIndex(of: "Command failed.") else {
            return (errors, [])
        }
        let own = lines[...end].map { $0 + "\n" }.joined()
        return (own, lines[(end + 1)...].filter { !$0.isEmpty }.map(String.init))
    }

    private func checkReasons(_ reasons: [String], _ step: Transcript.Step) {
        // Transcripts with streams were recorded without the kernel's log.
        guard !step.hasStreams else { return }
        let kernel = step.kernelLines.map(kernelReason)
        for reason in reasons {
            #expect(kernel.contains { reason.hasPrefix($0) }, "\(step.command): \(reason)")
        }
        #expect(kernel.isEmpty || !reasons.isEmpty || step.status == 0, "\(step.command)")
    }

    /// "device-mapper: table: 254:0: linear: Gap in table (-EINVAL)" is "linear: Gap in table".
    private func kernelReason(_ line: String) -> String {
        var text = Substring(line)
        for prefix in ["device-mapper: ", "table: ", "ioctl: ", "core: ", "254:0: "] {
            if text.hasPrefix(prefix) { text = text.dropFirst(prefix.count) }
        }
        if let suffix = text.range(of: " (-E") { text = text[..<suffix.lowerBound] }
        return String(text)
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Substring.Index>? { firstRange(of: text) }
}
