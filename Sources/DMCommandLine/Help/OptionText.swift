import DeviceMapper

/// What an option means, for help, the manual and completions.
struct OptionText {
    /// What its value is called; nil: it takes none.
    let value: String?
    /// One clause, with the default where there is one.
    let meaning: String

    private init(_ meaning: String, value: String? = nil) {
        self.meaning = meaning
        self.value = value
    }

    /// Nil: not for people.
    init?(_ id: OptionID) {
        switch id {
        case .statistics, .readyDescriptor: return nil
        default: self = Self.text(of: id) ?? Self.reportText(of: id) ?? Self.verbText(of: id)
        }
    }

    /// Of devices and tables.
    private static func text(of id: OptionID) -> OptionText? {
        switch id {
        case .readOnly: .init("the device, or the table, is read-only")
        case .concise: .init("whole devices in one line: name,uuid,minor,flags,table[;...]")
        case .deferred: .init("an open device goes when it is closed for the last time")
        case .exec:
            .init("run COMMAND for each device, with the path of its file", value: "COMMAND")
        case .force: .init("by force; what that does is said with the command")
        case .uid: .init("the owner of the device's file, a number", value: "UID")
        case .gid: .init("the group of the device's file, a number", value: "GID")
        case .mode: .init("the mode of the device's file, octal", value: "MODE")
        case .inactive: .init("look at the inactive table instead of the live one")
        case .major: .init("the device's major", value: "MAJOR")
        case .minor: .init("with -j: the device's minor, or that of a new one", value: "MINOR")
        case .mangleName:
            .init(
                "how names with unusual characters are stored: auto (the default), hex or none",
                value: "MODE")
        case .noFlush: .init("don't wait for what is under way: it is held")
        case .noLockFS:
            .init("don't freeze a file system on the device; there is none that could be")
        case .noOpenCount: .init("don't look how often a device is open")
        case .noTable: .init("create the device without a table")
        case .readAhead:
            .init("sectors of read-ahead, auto or none; read, and without effect", value: "SECTORS")
        case .retry: .init("try a busy device again, for five seconds")
        case .setUUID: .init("give the device a uuid instead of a name")
        case .showKeys: .init("show keys, which are zeros otherwise")
        case .table: .init("the table, a line for each target", value: "TABLE")
        case .target: .init("only targets of this type", value: "TYPE")
        case .tree: .init("draw the devices as a tree")
        case .uuid: .init("the device by its uuid, or the uuid of a new one", value: "UUID")
        case .addNodeOnResume, .addNodeOnCreate:
            .init("when the device's file appears; it is always there")
        case .paths: .init("show backing files by their paths")
        default: nil
        }
    }

    /// Of reports, and of every command.
    private static func reportText(of id: OptionID) -> OptionText? {
        switch id {
        case .columns: .init("a table with a line for each device")
        case .count: .init("so many reports; 0: without end", value: "N")
        case .interval: .init("seconds between reports; 1 unless told", value: "SECONDS")
        case .namePrefixes: .init("NAME='VALUE' pairs, for a shell")
        case .noHeadings: .init("no line of headings")
        case .options:
            .init(
                "what is shown, with commas between; of info, help lists the fields",
                value: "FIELDS")
        case .rows: .init("fields as rows, and devices as columns")
        case .select:
            .init("only devices that fit, such as 'open>0 && name=~^vg'", value: "CRITERIA")
        case .separator: .init("what stands between columns; spaces unless told", value: "TEXT")
        case .sort: .init("the fields to sort by; -FIELD: downwards", value: "FIELDS")
        case .unbuffered: .init("print each device at once, neither sorted nor aligned")
        case .unquoted: .init("with --nameprefixes, no quotes")
        case .directory: .init("the mount; else DM_DEV_DIR, or your only one", value: "DIR")
        case .help: .init("show help, and do nothing")
        case .version: .init("show the version, and do nothing")
        case .verbose: .init("also show the state of the device")
        case .checks, .noUdevRules, .noUdevSync, .verifyUdev, .yes:
            .init("read, and without effect")
        case .udevCookie: .init("read, and without effect", value: "COOKIE")
        default: nil
        }
    }

    /// Of our own verbs.
    private static func verbText(of id: OptionID) -> OptionText {
        switch id {
        case .allowOther: .init("let other users enter; files stay the mounting user's")
        case .autoUnmount: .init("unmount when the daemon ends, even if it is killed")
        case .foreground: .init("serve in the foreground, and log to standard error")
        case .heldMemory:
            .init(
                "MiB of memory for writes that are held, \(Limits.heldBytes >> 20) unless told; more of them go to a file in $TMPDIR",
                value: "MIB")
        case .logLevel:
            .init(
                "one of trace, debug, info, notice (the default), warning, error and critical",
                value: "LEVEL")
        case .noLock: .init("use backing files that another dmfuse uses, and let it use ours")
        case .reasons:
            .init(
                "append to FILE what the kernel would have logged: why a table was refused",
                value: "FILE")
        case .threads: .init("threads that take requests, 2 to 64; 4 unless told", value: "N")
        case .traced:
            .init(
                "keep the newest events for 'dmfuse trace'; the only KIND is lifecycle",
                value: "KIND")
        default: .init("")
        }
    }
}
