import DeviceMapper

/// The manual pages of section 8, in Markdown, of the same tables as help. `scripts/manual` makes pages of
/// them; what stands there besides is in docs/man.
package enum ManualPages {
    /// Of all: an overview, a page for each verb of ours, and one for the commands that are dmsetup's.
    package static var names: [String] {
        ["dmfuse"] + VerbTable.all.map { "dmfuse-\($0.name)" } + ["dmfuse-commands"]
    }

    /// The first sections of a page; nil: there is none of that name.
    package static func beginning(of name: String) -> String? {
        if name == "dmfuse" { return overview }
        if name == "dmfuse-commands" { return commands }
        guard let verb = VerbTable.all.first(where: { name == "dmfuse-\($0.name)" }) else {
            return nil
        }
        return head(name, verb.page.summary) + section("Synopsis", synopsis(verb.name, verb.page))
            + section("Description", description(verb.page))
            + section("Options", options(verb.page.options + OptionTable.common))
            + section("Examples", code(verb.page.example))
    }

    // MARK: Pages

    private static var overview: String {
        let verbs = VerbTable.all.map { ($0.name, $0.page.summary) }
        return head("dmfuse", "Linux device-mapper in userspace")
            + section("Synopsis", code("dmfuse COMMAND [OPTION]... [WORD]..."))
            + section(
                "Commands",
                definitions(verbs.map { ("**dmfuse-\($0)**(8)", HelpText.sentence($1)) })
                    + "\nAll other commands are those of dmsetup, with its options and output: "
                    + "**dmfuse-commands**(8).\n")
            + section("Options", options(OptionTable.common))
    }

    private static var commands: String {
        var text =
            head("dmfuse-commands", "the commands that dmfuse has as dmsetup has them")
            + section("Synopsis", code("dmfuse COMMAND [OPTION]... [WORD]..."))
            + section(
                "Description",
                """
                The grammar is that of **dmsetup**(8), in every detail: options stand anywhere among \
                the words, the beginning of a long one is enough where no other begins so, and what \
                follows `--` is words. DEVICE is the name of a device, or the path of its file; where \
                there is no such word, **-u** or **-j** and **-m** name it. Sizes and offsets are in \
                sectors of 512 bytes.

                """)
        text += "\n# Commands\n"
        for command in CommandTable.besideVerbs {
            text += "\n## \(command.name)\n\n" + synopsis(command.name, command.page) + "\n"
            text += description(command.page)
            let ids = command.page.options
            if !ids.isEmpty {
                let names = ids.compactMap { OptionTable.spellings(of: $0).last }.map {
                    "**\($0)**"
                }
                text += "\nOptions: \(names.joined(separator: ", ")).\n"
            }
            text += "\nExample:\n\n" + code(command.page.example)
        }
        let known = CommandTable.all.flatMap(\.page.options) + CommandPage.withoutEffect
        return text
            + section("Options", options(unique(known + [.verbose] + OptionTable.common)))
    }

    private static func unique(_ ids: [OptionID]) -> [OptionID] {
        var seen: Set<OptionID> = []
        return ids.filter { seen.insert($0).inserted }
    }

    // MARK: Parts

    private static func head(_ name: String, _ summary: String) -> String {
        "# Name\n\n\(name) - \(escaped(summary))\n"
    }

    private static func section(_ title: String, _ text: String) -> String {
        "\n# \(title)\n\n\(text)"
    }

    private static func synopsis(_ name: String, _ page: CommandPage) -> String {
        code(page.synopsis(of: name).joined(separator: "\n"))
    }

    private static func description(_ page: CommandPage) -> String {
        ([HelpText.sentence(page.summary)] + HelpText.paragraphs(page.details))
            .map { escaped($0) + "\n" }.joined(separator: "\n")
    }

    private static func options(_ ids: [OptionID]) -> String {
        definitions(
            HelpText.explained(ids).map {
                ("**\(escaped($0.spelling))**", HelpText.sentence($0.meaning))
            })
    }

    private static func definitions(_ rows: [(String, String)]) -> String {
        rows.map { "\($0)\n: \(escaped($1))\n" }.joined(separator: "\n")
    }

    private static func code(_ text: String) -> String {
        text.split(separator: "\n").map { "    \($0)\n" }.joined()
    }

    /// What Markdown would read as something else.
    private static func escaped(_ text: String) -> String {
        text.backslashed(["\\", "*", "_", "`", "<", ">", "[", "]", "^", "~", "#"])
    }
}
