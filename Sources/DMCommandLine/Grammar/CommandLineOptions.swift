import DeviceMapper

/// The options of one command line and the words among them.
struct CommandLineOptions {
    var force = false
    var readOnly = false
    var retry = false
    var deferred = false
    var noFlush = false
    var noLockFS = false
    var inactive = false
    var noOpenCount = false
    var noTable = false
    var concise = false
    var setUUID = false
    var showKeys = false
    var tree = false
    var paths = false
    var help = false
    var version = false
    var yes = false
    /// 1: print info after the command. dmsetup traces its calls from 2 on; we don't.
    var verbose = 0

    var columns = false
    var noHeadings = false
    var namePrefixes = false
    var rows = false
    var unquoted = false
    var unbuffered = false
    var fields: ByteString?
    var sortKeys: ByteString?
    var separator: ByteString?
    var selection: ByteString?
    /// How often a report is repeated; nil: without end.
    var repetitions: UInt64? = 1
    /// Seconds between reports, at least 1.
    var interval: UInt32 = 1

    var uuid: ByteString?
    /// Both or neither are given. Any integer: what no device number can be is refused later.
    var number: (major: Int32, minor: Int32)?
    /// Of a new device's file; what isn't given stays the mount's.
    private(set) var user: UInt32?
    private(set) var group: UInt32?
    private(set) var mode: UInt32?
    var table: ByteString?
    var target: ByteString?
    var exec: ByteString?
    /// As given, or else as the environment has it.
    var mangling: Mangling.Mode
    private(set) var givenMangling: Mangling.Mode?
    var directory: ByteString?

    /// `--udevcookie` had none. dmsetup says so and goes on.
    private(set) var hasWrongCookie = false
    private(set) var words: [ByteString] = []

    private var major: Int32?
    private var minor: Int32?
    private var count: Int32?
    private var intervalGiven = false
    private var addNodeOnResume = false
    private var addNodeOnCreate = false

    /// Why a command line isn't one, as dmsetup says it. `fromGetopt`: with the program's name
    /// first.
    struct Failure: Error, Equatable {
        let message: String
        var fromGetopt = false
    }

    /// Reads `arguments`, which don't hold the program's name.
    init(
        _ arguments: [ByteString], mangling: Mangling.Mode = .auto, stopsAtOperand: Bool = false
    ) throws(Failure) {
        self.mangling = mangling
        var getopt = Getopt(
            arguments, short: OptionTable.short, long: OptionTable.long,
            moreLong: OptionTable.own, stopsAtOperand: stopsAtOperand)
        while let option = try Self.next(&getopt) {
            try take(option)
        }
        words = getopt.operands
        try checkTogether()
    }

    private static func next(_ getopt: inout Getopt) throws(Failure) -> Getopt.Option? {
        do {
            return try getopt.nextOption()
        } catch {
            throw Failure(message: error.message, fromGetopt: true)
        }
    }

    private mutating func take(_ option: Getopt.Option) throws(Failure) {
        let value = option.value
        switch option.id {
        case .readOnly: readOnly = true
        case .columns: columns = true
        case .concise: concise = true
        case .deferred: deferred = true
        case .force: force = true
        case .help: help = true
        case .inactive: inactive = true
        case .namePrefixes: namePrefixes = true
        case .noFlush: noFlush = true
        case .noHeadings: noHeadings = true
        case .noLockFS: noLockFS = true
        case .noOpenCount: noOpenCount = true
        case .noTable: noTable = true
        case .paths: paths = true
        case .retry: retry = true
        case .rows: rows = true
        case .setUUID: setUUID = true
        case .showKeys: showKeys = true
        case .tree: tree = true
        case .unbuffered: unbuffered = true
        case .unquoted: unquoted = true
        case .verbose: verbose += 1
        case .version: version = true
        case .yes: yes = true
        case .addNodeOnResume: addNodeOnResume = true
        case .addNodeOnCreate: addNodeOnCreate = true
        case .directory: directory = value
        case .exec: exec = value
        case .options: fields = value
        case .select: selection = value
        case .separator: separator = value
        case .sort: sortKeys = value
        case .table: table = value
        case .target: target = value
        case .uuid: uuid = value
        case .major: major = Decimal.atoi(value.bytes)
        case .minor: minor = Decimal.atoi(value.bytes)
        case .uid: user = UInt32(bitPattern: Decimal.atoi(value.bytes))
        case .gid: group = UInt32(bitPattern: Decimal.atoi(value.bytes))
        case .count, .interval, .mangleName, .mode, .readAhead, .udevCookie:
            try takeChecked(option.id, value)
        case .checks, .noUdevRules, .noUdevSync, .verifyUdev, .statistics:
            break  // nothing of ours depends on it: udev isn't there
        case .allowOther, .autoUnmount, .foreground, .heldMemory, .logLevel, .noLock,
            .readyDescriptor, .reasons, .threads, .traced:
            break  // of our own verbs: no command of dmsetup's is given them
        }
    }

    /// Options whose value dmsetup looks at as soon as it meets them.
    private mutating func takeChecked(_ id: OptionID, _ value: ByteString) throws(Failure) {
        switch id {
        case .count:
            let count = Decimal.atoi(value.bytes)
            guard count >= 0 else { throw Failure(message: "Count must be zero or greater.") }
            self.count = count
        case .interval:
            let seconds = Decimal.atoi(value.bytes)
            guard let interval = UInt32(exactly: seconds), interval > 0 else {
                throw Failure(message: "Interval must be a positive integer.")
            }
            self.interval = interval
            intervalGiven = true
        case .mangleName:
            guard let mode = Mangling.Mode(value) else {
                throw Failure(message: "Unknown name mangling mode.")
            }
            mangling = mode
            givenMangling = mode
        case .mode:
            guard let mode = Decimal.whole(value, base: 8), UInt32(truncatingIfNeeded: mode) != 0
            else {
                throw Failure(message: "Invalid argument for --mode: \(value.string). ")
            }
            self.mode = UInt32(truncatingIfNeeded: mode) & 0o7777
        case .readAhead:
            let sectors = Decimal.atoi(value.bytes)
            guard sectors >= -1 else {
                throw Failure(message: "Negative read ahead value (\(sectors)) is not understood.")
            }
        default:
            // A udev cookie: there is no udev, but dmsetup looks at it.
            if UdevCommands.cookie(value) == nil { hasWrongCookie = true }
        }
    }

    private mutating func checkTogether() throws(Failure) {
        switch (major, minor) {
        case (let major?, let minor?): number = (major, minor)
        case (nil, nil): break
        default: throw Failure(message: "Please specify both major number and minor number.")
        }
        if table != nil, noTable {
            throw Failure(message: "--table and --notable are incompatible.")
        }
        if addNodeOnResume, addNodeOnCreate {
            throw Failure(message: "--addnodeonresume and --addnodeoncreate are incompatible.")
        }
        if let count, count > 0 {
            repetitions = UInt64(count)
        } else if count != nil || intervalGiven {
            repetitions = nil
        }
    }
}
