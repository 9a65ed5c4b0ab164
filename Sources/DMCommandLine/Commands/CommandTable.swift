import DeviceMapper

/// A command of dmsetup's command line.
struct CommandDefinition {
    let name: String
    /// What usage shows behind the name.
    let synopsis: String
    /// How many words it takes; nil: any number.
    let leastWords: Int
    let mostWords: Int?
    /// Run once for each word, and for every device when there is none.
    var isRepeated = false
    /// `-S` chooses the devices.
    var isSelectable = false
    /// What help says under our own name, where `synopsis` is dmsetup's.
    let page: CommandPage
    let run: (_ invocation: Invocation) throws(Refusal) -> Void
}

/// All of them, in the order of dmsetup's usage. To add one: a file in this folder, a line here.
enum CommandTable {
    static func find(_ name: ByteString) -> CommandDefinition? {
        all.first { name == ByteString($0.name) }
    }

    private static func command(
        _ name: String, _ synopsis: String, _ words: ClosedRange<Int>, _ page: CommandPage,
        _ run: @escaping (_ invocation: Invocation) throws(Refusal) -> Void
    ) -> CommandDefinition {
        CommandDefinition(
            name: name, synopsis: synopsis, leastWords: words.lowerBound,
            mostWords: words.upperBound, page: page, run: run)
    }

    private static func repeated(
        _ name: String, _ synopsis: String, least: Int = 0, selectable: Bool = false,
        _ page: CommandPage,
        _ run: @escaping (_ invocation: Invocation) throws(Refusal) -> Void
    ) -> CommandDefinition {
        CommandDefinition(
            name: name, synopsis: synopsis, leastWords: least, mostWords: nil, isRepeated: true,
            isSelectable: selectable, page: page, run: run)
    }

    /// Under our own name: those that no verb of ours stands for.
    static var besideVerbs: [CommandDefinition] {
        all.filter { VerbTable.find(ByteString($0.name)) == nil }
    }

    static var all: [CommandDefinition] {
        [
            command("help", "[-c|-C|--columns]", 0...0, HelpVerb.verb.page, HelpCommand.run),
            command("create", createSynopsis, 0...2, CreateCommand.page, CreateCommand.run),
            repeated(
                "remove", "[--deferred] [-f|--force] [--retry] <device>...", selectable: true,
                RemoveCommand.page, RemoveCommand.run),
            command(
                "remove_all", "[-f|--force]", 0...0, RemoveAllCommand.page, RemoveAllCommand.run),
            repeated(
                "suspend", "[--noflush] [--nolockfs] <device>...", selectable: true,
                SuspendCommand.page, SuspendCommand.run),
            repeated(
                "resume", resumeSynopsis, selectable: true, ResumeCommand.page, ResumeCommand.run),
            command(
                "load", "<device> [<table>|<table_file>]", 0...2, LoadCommand.page, LoadCommand.run),
            repeated("clear", "<device>", selectable: true, ClearCommand.page, ClearCommand.run),
            command(
                "reload", "<device> [<table>|<table_file>]", 0...2, LoadCommand.page,
                LoadCommand.run),
            repeated(
                "wipe_table", "[-f|--force] [--noflush] [--nolockfs] <device>...",
                selectable: true, WipeTableCommand.page, WipeTableCommand.run),
            command(
                "rename", "<device> [--setuuid] <new_name_or_uuid>", 1...2, RenameCommand.page,
                RenameCommand.run),
            repeated(
                "measure", "[<device>...]", selectable: true, StatusCommand.measurePage,
                StatusCommand.measure),
            CommandDefinition(
                name: "message", synopsis: "<device> <sector> <message>", leastWords: 2,
                mostWords: nil, page: MessageCommand.page, run: MessageCommand.run),
            command(
                "ls", "[--target <target_type>] [--exec <command>] [-o <options>] [--tree]", 0...0,
                ListCommand.page, ListCommand.run),
            repeated("info", "[<device>...]", InfoCommand.page, InfoCommand.run),
            repeated(
                "deps", "[-o <options>] [<device>...]", selectable: true, DependenciesCommand.page,
                DependenciesCommand.run),
            repeated(
                "stats", "<command> [<options>] [<device>...]", least: 1, UnsupportedCommand.page,
                UnsupportedCommand.run),
            repeated(
                "status", "[<device>...] [--noflush] [--target <target_type>]", selectable: true,
                StatusCommand.page, StatusCommand.run),
            repeated(
                "table", "[<device>...] [--concise] [--target <target_type>] [--showkeys]",
                selectable: true, TableCommand.page, TableCommand.run),
            command(
                "wait", "<device> [<event_nr>] [--noflush]", 0...2, WaitCommand.page,
                WaitCommand.run),
            repeated("mknodes", "[<device>...]", MakeNodesCommand.page, MakeNodesCommand.run),
            repeated("mangle", "[<device>...]", MangleCommand.page, MangleCommand.run),
            command("udevcreatecookie", "", 0...0, UdevCommands.createPage, UdevCommands.create),
            command(
                "udevreleasecookie", "[<cookie>]", 0...1, UdevCommands.releasePage,
                UdevCommands.release),
            command(
                "udevflags", "<cookie>", 1...1, UdevCommands.flagsPage, UdevCommands.printFlags),
            command(
                "udevcomplete", "<cookie>", 1...1, UdevCommands.completePage, UdevCommands.complete),
            command(
                "udevcomplete_all", "[<age_in_minutes>]", 0...1, UdevCommands.completeAllPage,
                UdevCommands.completeAll),
            command("udevcookies", "", 0...0, UdevCommands.listPage, UdevCommands.list),
            repeated(
                "target-version", "[<target>...]", least: 1, TargetVersionCommand.page,
                TargetVersionCommand.run),
            command("targets", "", 0...0, TargetsCommand.page, TargetsCommand.run),
            command("version", "", 0...0, VersionCommand.page, VersionCommand.run),
            command(
                "setgeometry", "<device> <cyl> <head> <sect> <start>", 5...5, GeometryCommand.page,
                GeometryCommand.run),
            command(
                "splitname", "<device> [<subsystem>]", 1...2, SplitNameCommand.page,
                SplitNameCommand.run),
        ]
    }

    private static let createSynopsis = """
        <dev_name>
        \t    [-j|--major <major> -m|--minor <minor>]
        \t    [-U|--uid <uid>] [-G|--gid <gid>] [-M|--mode <octal_mode>]
        \t    [-u|--uuid <uuid>] [--addnodeonresume|--addnodeoncreate]
        \t    [--readahead {[+]<sectors>|auto|none}]
        \t    [-n|--notable|--table {<table>|<table_file>}]
        \tcreate --concise [<concise_device_spec_list>]
        """

    private static let resumeSynopsis = """
        [--noflush] [--nolockfs] <device>...
        \t       [--addnodeonresume|--addnodeoncreate]
        \t       [--readahead {[+]<sectors>|auto|none}]
        """
}
