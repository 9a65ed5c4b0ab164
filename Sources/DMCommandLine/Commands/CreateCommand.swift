import DMControl
import DeviceMapper
import SystemPackage

/// `create NAME [FILE]`, `create NAME --table TEXT`, `create NAME --notable`, `create --concise`.
enum CreateCommand {
    static let page = CommandPage(
        usage: [
            "NAME [FILE]", "NAME --table TABLE", "NAME --notable", "--concise [SPECIFICATION]",
        ], summary: "create a mapped device, load its table and resume it",
        details: """
            Each line of a table is START LENGTH TARGET ARGUMENT..., in sectors of 512 bytes; \
            'dmfuse targets' lists the targets. The table comes from --table, from FILE, or else \
            from standard input. A path in it may be relative to the working directory, and a \
            backslash takes the meaning of the next character away, such as of a blank. If a table \
            is refused no device is left.
            """,
        options: [
            .table, .noTable, .concise, .readOnly, .uuid, .major, .minor, .uid, .gid, .mode,
            .addNodeOnResume, .addNodeOnCreate, .readAhead,
        ],
        example: "dmfuse create x --table '0 2048 linear disk.img 0'")

    private struct Order {
        var name: ByteString
        var uuid: ByteString?
        var minor: UInt32?
        /// As `-j` and `-m` give it.
        var number: (major: Int32, minor: Int32)?
        var readOnly: Bool
        var lines: [TableLine]
    }

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        if options.concise { return try runConcise(invocation) }
        guard let name = invocation.words.popFirst() else {
            throw Refusal("Please provide a name for the new device.")
        }
        let daemon = invocation.daemon
        let newName = try daemon.newName(name)
        var uuid: ByteString?
        if let given = options.uuid { uuid = try daemon.address(uuid: given).uuid }
        var lines: [TableLine] = []
        if !options.noTable { lines = try TableSource(invocation).read() }
        let order = Order(
            name: newName, uuid: uuid, minor: try minor(options), number: options.number,
            readOnly: options.readOnly, lines: lines)
        try create(order, invocation)
    }

    /// Only the minor can be chosen: all mapped devices have one major.
    private static func minor(_ options: CommandLineOptions) throws(Refusal) -> UInt32? {
        guard let number = options.number, number.minor >= 0 else { return nil }
        guard number.major > 0 else { throw .missingMajor }
        return UInt32(number.minor)
    }

    private static func runConcise(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        guard invocation.words.count <= 1 else {
            throw Refusal("dmsetup create --concise takes at most one argument")
        }
        guard options.table == nil, options.number == nil, options.uuid == nil, !options.noTable,
            !options.inactive
        else {
            throw Refusal(
                "--concise is incompatible with --[no]table, --minor, --uuid and --inactive.")
        }
        let text: [UInt8]
        if let word = invocation.words.popFirst() {
            text = word.bytes
        } else {
            text = try TableSource(invocation).standardInput()
        }
        var devices = ConciseText(text)
        while let device = try devices.next() {
            do {
                try create(try order(device, invocation), invocation)
            } catch {
                var refusal = error
                refusal.device = device.name
                throw refusal
            }
        }
    }

    private static func order(
        _ device: ConciseText.Device, _ invocation: Invocation
    ) throws(Refusal) -> Order {
        let daemon = invocation.daemon
        let uuid = device.uuid.isEmpty ? nil : try daemon.address(uuid: device.uuid).uuid
        let minor = device.minor.flatMap { UInt32(exactly: $0) }
        // dmsetup fills in the major, as after `-j`.
        let major = minor == nil ? nil : Int32(bitPattern: try daemon.client().mappedMajor)
        return Order(
            name: try daemon.newName(device.name), uuid: uuid, minor: minor,
            number: major.map { ($0, device.minor ?? 0) },
            readOnly: device.readOnly || invocation.options.readOnly,
            lines: try TableText.parse(device.table, source: ""))
    }

    /// Creates, loads and resumes. What fails after the creation undoes it.
    private static func create(_ order: Order, _ invocation: Invocation) throws(Refusal) {
        let daemon = invocation.daemon
        let address = DeviceAddress(name: order.name, uuid: order.uuid, number: order.number)
        let created: DeviceStatus
        do throws(Refusal) {
            created = try daemon.run("create", address) { client throws(DMError) in
                try client.create(name: order.name, uuid: order.uuid ?? .empty, minor: order.minor)
            }
        } catch {
            throw explained(error, order, invocation)
        }
        guard !order.lines.isEmpty else { return try invocation.showInfoIfVerbose(created) }
        do {
            let status = try loadAndResume(order, created, daemon, invocation.personality)
            try setOwner(order, invocation)
            try invocation.showInfoIfVerbose(status)
        } catch {
            invocation.diagnostics.note(error)
            try revert(order, invocation)
            var refusal = error
            refusal.lines = []  // noted already
            throw refusal
        }
    }

    /// The errnos of creating tell what is taken to those who know the kernel.
    private static func explained(
        _ refusal: Refusal, _ order: Order, _ invocation: Invocation
    ) -> Refusal {
        guard invocation.personality == .dmfuse, refusal.reason.isEmpty else { return refusal }
        func exists(_ device: DeviceReference) -> Bool {
            (try? invocation.daemon.client().info(device)) != nil
        }
        var refusal = refusal
        switch refusal.errno {
        case .resourceBusy? where exists(.name(order.name)):
            refusal.reason = "there is a device of that name"
        case .resourceBusy?:
            if let uuid = order.uuid, exists(.uuid(uuid)) {
                refusal.reason = "there is a device of that uuid"
            }
        case .noSuchAddressOrDevice?:
            if let minor = order.minor, let major = try? invocation.daemon.client().mappedMajor,
                exists(.number(DeviceNumber(major: major, minor: minor)))
            {
                refusal.reason = "minor \(minor) is taken"
            }
        default: break
        }
        return refusal
    }

    private static func loadAndResume(
        _ order: Order, _ created: DeviceStatus, _ daemon: DaemonClient,
        _ personality: Personality
    ) throws(Refusal) -> DeviceStatus {
        let number = (
            major: Int32(bitPattern: created.number.major),
            minor: Int32(bitPattern: created.number.minor)
        )
        let loaded = DeviceAddress(name: order.name, number: number)
        _ = try daemon.load(loaded, order.lines, readOnly: order.readOnly)
        // libdevmapper takes the number that was asked for, which may have another major.
        let isGiven = order.number != nil && personality == .dmsetup
        let resumed = DeviceAddress(name: order.name, number: isGiven ? order.number : nil)
        return try daemon.run("resume", resumed) { client throws(DMError) in
            try client.resume(resumed.reference)
        }
    }

    /// `--uid`, `--gid`, `--mode`. As in libdevmapper a device stays that can't be given away.
    private static func setOwner(_ order: Order, _ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let path = try invocation.daemon.mount().nodePath(order.name)
        func attempt(_ call: String, _ body: () throws(Errno) -> Void) {
            do {
                try body()
            } catch {
                // Somebody removed it meanwhile.
                guard error != .noSuchFileOrDirectory else { return }
                let text = SystemCalls.text(error)
                invocation.diagnostics.warn("\(path.string): \(call) failed: \(text)")
            }
        }
        if options.user != nil || options.group != nil {
            attempt("chown") { () throws(Errno) in
                try SystemCalls.setOwner(of: path, user: options.user, group: options.group)
            }
        }
        // Last: a new owner takes bits of it away.
        if let mode = options.mode {
            attempt("chmod") { () throws(Errno) in try SystemCalls.setMode(of: path, mode) }
        }
    }

    private static func revert(_ order: Order, _ invocation: Invocation) throws(Refusal) {
        let daemon = invocation.daemon
        let address = DeviceAddress(name: order.name, number: order.number)
        do {
            try daemon.run("remove", address) { client throws(DMError) in
                // libdevmapper names the device by name and number at once here, which the kernel
                // takes for no device: after `-j` and `-m` dmsetup leaves the device behind.
                if order.number != nil, invocation.personality == .dmsetup {
                    throw .noSuchDevice
                }
                _ = try client.remove(.name(order.name))
            }
        } catch {
            invocation.diagnostics.note(error)
            invocation.diagnostics.note(Refusal("Failed to revert device creation."))
        }
    }
}
