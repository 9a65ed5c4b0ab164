import DeviceMapper

/// What `dmfuse help` prints: of all commands, and of one.
enum HelpText {
    private static let width = 79

    // MARK: All commands

    static var overview: String {
        var text = """
            dmfuse: Linux device-mapper in userspace.

            Mount a directory, create mapped devices with dmsetup's table lines, and each
            is a file there:

              dmfuse mount DIR
              dmfuse create NAME --table '0 2048 linear FILE 0'
              dd if=DIR/mapper/NAME ...
              dmfuse unmount DIR

            Our own commands:

            """
        text += table(VerbTable.all.map { ($0.name, $0.page.summary) })
        text += """

            Commands as dmsetup has them, with its options and output (dmsetup(8)):

            """
        text += table(CommandTable.besideVerbs.map { ($0.name, $0.page.summary) })
        text += """

            Options of every command:

            """
        text += options(OptionTable.common)
        text += """

            'dmfuse help COMMAND' shows how one is used. The mount is named by --dir, or
            by DM_DEV_DIR, or is your only one. Called through a link named dmsetup, this
            is dmsetup, line by line.

            """
        return text
    }

    // MARK: One command

    /// Nil: there is none.
    static func page(of name: ByteString) -> String? {
        if let verb = VerbTable.find(name) { return page(verb.name, verb.page, ofEveryCommand: []) }
        guard let command = CommandTable.find(name) else { return nil }
        return page(command.name, command.page, ofEveryCommand: [.verbose])
    }

    private static func page(
        _ name: String, _ page: CommandPage, ofEveryCommand more: [OptionID]
    ) -> String {
        var text = ""
        for (index, line) in page.synopsis(of: name).enumerated() {
            text += (index == 0 ? "Usage: " : "       ") + line + "\n"
        }
        text += "\n\(filled(sentence(page.summary), indent: 0))\n"
        for paragraph in paragraphs(page.details) { text += "\n\(filled(paragraph, indent: 0))\n" }
        let own = options(page.options)
        if !own.isEmpty { text += "\nOptions:\n\(own)" }
        text += "\nOf every command:\n" + options(more + OptionTable.common)
        return text + "\nExample:\n  \(page.example)\n"
    }

    /// The summary as a sentence.
    static func sentence(_ summary: String) -> String {
        summary.prefix(1).uppercased() + summary.dropFirst() + "."
    }

    /// With an empty line between them.
    static func paragraphs(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).split(separator: "")
            .map { $0.joined(separator: " ") }
    }

    // MARK: Lines

    private static func options(_ ids: [OptionID]) -> String { table(explained(ids)) }

    /// How each is written, and what it means: those that people are told of.
    static func explained(_ ids: [OptionID]) -> [(spelling: String, meaning: String)] {
        ids.compactMap { id in OptionText(id).map { (spelling(id, $0.value), $0.meaning) } }
    }

    /// "-r, --readonly", "--table TABLE".
    private static func spelling(_ id: OptionID, _ value: String?) -> String {
        OptionTable.spellings(of: id).joined(separator: ", ") + (value.map { " \($0)" } ?? "")
    }

    private static let firstColumn = 26

    private static func table(_ rows: [(String, String)]) -> String {
        var text = ""
        for (name, meaning) in rows {
            let head = "  \(name)"
            let lines = filled(meaning, indent: firstColumn)
            if head.utf8.count < firstColumn - 1 {
                text += head + lines.dropFirst(head.utf8.count) + "\n"
            } else {
                text += "\(head)\n\(lines)\n"
            }
        }
        return text
    }

    /// One paragraph in lines of at most `width` columns, each behind `indent` spaces.
    static func filled(_ paragraph: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = margin
        for word in paragraph.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if line.utf8.count > indent, line.utf8.count + 1 + word.utf8.count > width {
                lines.append(line)
                line = margin
            }
            if line.utf8.count > indent { line += " " }
            line += word
        }
        return (lines + [line]).joined(separator: "\n")
    }
}
