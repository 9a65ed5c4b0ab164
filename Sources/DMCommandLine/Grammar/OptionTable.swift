/// Every option that there is, whatever the command: dmsetup 1.02.185's, and ours.
enum OptionID: CaseIterable {
    case readOnly, checks, columns, concise, count, deferred, select, exec, force, gid, help
    case inactive, interval, mangleName, major, minor, mode, namePrefixes, noFlush, noHeadings
    case noLockFS, noOpenCount, noTable, udevCookie, noUdevRules, noUdevSync, options, readAhead
    case retry, rows, separator, setUUID, showKeys, sort, table, target, tree, uid, uuid
    case unbuffered, unquoted, verbose, verifyUdev, version, yes, addNodeOnResume, addNodeOnCreate
    /// An option of `dmsetup stats` alone: read, and not looked at.
    case statistics
    /// Ours: the mount.
    case directory
    /// Ours: the paths of backing files in tables.
    case paths
    /// Of our own verbs.
    case allowOther, autoUnmount, foreground, heldMemory, logLevel, noLock, readyDescriptor, reasons
    case threads, traced
}

/// How options are written. Which of them a command takes, `CommandPage` says; what they mean, `OptionText`.
enum OptionTable {
    static let short: [Getopt.ShortOption] = [
        .init("c", .columns), .init("C", .columns), .init("f", .force),
        .init("G", .gid, value: true), .init("h", .help), .init("j", .major, value: true),
        .init("m", .minor, value: true), .init("M", .mode, value: true), .init("n", .noTable),
        .init("o", .options, value: true), .init("O", .sort, value: true), .init("r", .readOnly),
        .init("S", .select, value: true), .init("u", .uuid, value: true),
        .init("U", .uid, value: true), .init("v", .verbose), .init("y", .yes),
    ]

    /// In dmsetup's order, which shows when an abbreviation is ambiguous. `--verbose` takes a value
    /// there, by an oversight that we share: a script must mean the same to both.
    static let long: [Getopt.LongOption] = [
        .init("readonly", .readOnly),
        .init("alias", .statistics, value: true),
        .init("alldevices", .statistics),
        .init("allprograms", .statistics),
        .init("allregions", .statistics),
        .init("area", .statistics),
        .init("areas", .statistics, value: true),
        .init("areasize", .statistics, value: true),
        .init("bounds", .statistics, value: true),
        .init("checks", .checks),
        .init("clear", .statistics),
        .init("columns", .columns),
        .init("concise", .concise),
        .init("count", .count, value: true),
        .init("deferred", .deferred),
        .init("select", .select, value: true),
        .init("exec", .exec, value: true),
        .init("filemap", .statistics),
        .init("follow", .statistics, value: true),
        .init("force", .force),
        .init("foreground", .statistics),
        .init("gid", .gid, value: true),
        .init("group", .statistics),
        .init("groupid", .statistics, value: true),
        .init("help", .help),
        .init("histogram", .statistics),
        .init("inactive", .inactive),
        .init("interval", .interval, value: true),
        .init("length", .statistics, value: true),
        .init("manglename", .mangleName, value: true),
        .init("major", .major, value: true),
        .init("minor", .minor, value: true),
        .init("mode", .mode, value: true),
        .init("nameprefixes", .namePrefixes),
        .init("nogroup", .statistics),
        .init("noflush", .noFlush),
        .init("noheadings", .noHeadings),
        .init("nolockfs", .noLockFS),
        .init("noopencount", .noOpenCount),
        .init("nosuffix", .statistics),
        .init("notable", .noTable),
        .init("notimesuffix", .statistics),
        .init("udevcookie", .udevCookie, value: true),
        .init("nomonitor", .statistics),
        .init("noudevrules", .noUdevRules),
        .init("noudevsync", .noUdevSync),
        .init("options", .options, value: true),
        .init("precise", .statistics),
        .init("programid", .statistics, value: true),
        .init("raw", .statistics),
        .init("readahead", .readAhead, value: true),
        .init("region", .statistics),
        .init("regions", .statistics, value: true),
        .init("regionid", .statistics, value: true),
        .init("relative", .statistics),
        .init("retry", .retry),
        .init("rows", .rows),
        .init("segments", .statistics),
        .init("separator", .separator, value: true),
        .init("setuuid", .setUUID),
        .init("showkeys", .showKeys),
        .init("sort", .sort, value: true),
        .init("start", .statistics, value: true),
        .init("table", .table, value: true),
        .init("target", .target, value: true),
        .init("tree", .tree),
        .init("uid", .uid, value: true),
        .init("units", .statistics, value: true),
        .init("uuid", .uuid, value: true),
        .init("unbuffered", .unbuffered),
        .init("unquoted", .unquoted),
        .init("userdata", .statistics, value: true),
        .init("verbose", .verbose, value: true),
        .init("verifyudev", .verifyUdev),
        .init("version", .version),
        .init("yes", .yes),
        .init("addnodeonresume", .addNodeOnResume),
        .init("addnodeoncreate", .addNodeOnCreate),
    ]

    /// Ours. They come after dmsetup's, so that no abbreviation of hers becomes ambiguous by them.
    static let own: [Getopt.LongOption] = [
        .init("dir", .directory, value: true),
        .init("paths", .paths),
    ]

    /// Those of our own verbs, which dmsetup's commands don't take.
    static let verbs: [Getopt.LongOption] = [
        .init("allow-other", .allowOther),
        .init("auto-unmount", .autoUnmount),
        .init("foreground", .foreground),
        .init("held-memory", .heldMemory, value: true),
        .init("log-level", .logLevel, value: true),
        .init("no-lock", .noLock),
        .init("ready-fd", .readyDescriptor, value: true),
        .init("reasons", .reasons, value: true),
        .init("threads", .threads, value: true),
        .init("trace", .traced, value: true),
    ]

    /// Those of every command, and of every verb.
    static let common: [OptionID] = [.directory, .help, .version]

    /// How an option is written, with its dashes: letters first. Not so `--verbose`, whose value would take
    /// a device's name away.
    static func spellings(of id: OptionID) -> [String] {
        let letters = short.filter { $0.id == id }
            .map { "-" + String(decoding: [$0.letter], as: UTF8.self) }
        guard id != .verbose, let name = (long + own + verbs).first(where: { $0.id == id })?.name
        else { return letters }
        return letters + ["--\(name)"]
    }
}
