import DMControl
import DeviceMapper

/// One run of a command: its words, and all that it works with.
final class Invocation {
    let command: CommandDefinition
    var options: CommandLineOptions
    /// The words that are left: a repeated command gets them all, then one less each time.
    var words: ArraySlice<ByteString>
    /// Whether output must say which device it is about.
    let isMultiple: Bool
    let daemon: DaemonClient
    let console: Console
    let diagnostics: Diagnostics
    let personality: Personality
    let report: DeviceReport?
    let surroundings: Surroundings
    /// Whether `table --concise` printed something, which ends a line.
    var startedConciseLine = false

    init(
        _ command: CommandDefinition, options: CommandLineOptions, words: ArraySlice<ByteString>,
        isMultiple: Bool, daemon: DaemonClient, console: Console, diagnostics: Diagnostics,
        personality: Personality, report: DeviceReport?,
        surroundings: Surroundings
    ) {
        self.command = command
        self.options = options
        self.words = words
        self.isMultiple = isMultiple
        self.daemon = daemon
        self.console = console
        self.diagnostics = diagnostics
        self.personality = personality
        self.report = report
        self.surroundings = surroundings
    }

    // MARK: Devices

    /// The device by the first word, or else by `-u` or `-j` and `-m`.
    func device() throws(Refusal) -> DeviceAddress {
        if let name = words.first { return try daemon.address(named: name) }
        return try deviceFromOptions()
    }

    /// The device by `-u`, or `-j` and `-m`.
    func deviceFromOptions() throws(Refusal) -> DeviceAddress {
        if let uuid = options.uuid { return try daemon.address(uuid: uuid) }
        if let number = options.number {
            guard number.minor < 0 || number.major > 0 else { throw .missingMajor }
            return DeviceAddress(number: number)
        }
        throw Refusal("No device specified.")
    }

    /// For commands whose first word is the device unless an option names it.
    func deviceBeforeWords() throws(Refusal) -> DeviceAddress {
        if namesDeviceByOption { return try deviceFromOptions() }
        guard let name = words.popFirst() else { throw Refusal("No device specified.") }
        return try daemon.address(named: name)
    }

    var namesDeviceByOption: Bool { options.uuid != nil || options.number != nil }

    /// One device that a command works on.
    struct Device {
        let address: DeviceAddress
        /// As people see it; nil until the daemon was asked, for one that isn't named by its name.
        let name: ByteString?
        /// From a list of all devices.
        var entry: NameListEntry?
        /// Whether output must name it.
        let isOneOfMany: Bool
    }

    /// What output calls a device that the daemon told us about.
    func name(of device: Device, _ status: DeviceStatus) throws(Refusal) -> ByteString {
        if let name = device.name { return name }
        return try daemon.unmangledName(status.name)
    }

    /// Runs `body` for the device that was named, or for every one.
    func forEachDevice(
        _ body: (_ device: Device) throws(Refusal) -> Void
    ) throws(Refusal) {
        guard words.isEmpty, !namesDeviceByOption else {
            // dmsetup prints such a device's name as it was given.
            let device = Device(address: try device(), name: words.first, isOneOfMany: isMultiple)
            return try body(device)
        }
        try forAllDevices(body)
    }

    /// Runs `body` for every device, even if it fails for some.
    func forAllDevices(
        silently: Bool = false, _ body: (_ device: Device) throws(Refusal) -> Void
    ) throws(Refusal) {
        let entries = try daemon.run("names", DeviceAddress()) { client throws(DMError) in
            try client.list()
        }
        if entries.isEmpty, !silently { console.printLine("No devices found") }
        let names = try daemon.unmangledNames(entries.map(\.name))
        var failed = false
        for (entry, name) in zip(entries, names) {
            do {
                let device = Device(
                    address: DeviceAddress(name: entry.name), name: name, entry: entry,
                    isOneOfMany: true)
                try body(device)
            } catch {
                diagnostics.report(error, device: entry.name)
                failed = true
            }
        }
        if failed { throw .alreadyReported }
    }

    // MARK: Info

    /// Has the daemon do one thing to the device that is named, and shows its state if that is asked for.
    func change(
        _ task: String,
        _ call: (_ client: ControlClient, _ device: DeviceReference) throws(DMError) -> DeviceStatus
    ) throws(Refusal) {
        let address = try device()
        let status = try daemon.run(task, address) { client throws(DMError) in
            try call(client, address.reference)
        }
        try showInfoIfVerbose(status)
    }

    /// What `-v` adds after a command.
    func showInfoIfVerbose(_ status: DeviceStatus) throws(Refusal) {
        if options.verbose > 0 { try showInfo(status) }
    }

    /// Prints a device's info, or adds its row to the report.
    func showInfo(_ status: DeviceStatus) throws(Refusal) {
        let name = try daemon.unmangledName(status.name)
        let uuid = try daemon.unmangledUUID(status.uuid)
        let mount = try daemon.mount()
        let readAhead = { [surroundings] in
            status.hasAnyTable ? surroundings.readAhead(mount, status.number.minor) : nil
        }
        guard let report, options.columns else {
            console.print(InfoText.lines(status, name: name, uuid: uuid, readAhead: readAhead()))
            return
        }
        try report.add(status, name: name, uuid: uuid, readAhead: readAhead, for: self)
    }
}
