import DMControl
import DeviceMapper

/// `table [--concise] [--target TYPE] [--inactive] [--paths] [DEVICE...]`.
///
/// Devices stand as "major:minor", as device-mapper prints them, backing files too; `--paths`,
/// which is ours, prints the files' paths. Either can be fed back to `create`.
enum TableCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."], summary: "show the tables of devices",
        details: """
            Of all devices where none is named. Devices below are shown by their numbers, as device- \
            mapper does it, or by their paths. Either can be given to create and load again.
            """,
        options: [.concise, .paths, .target, .inactive, .showKeys, .exec, .select]
            + CommandPage.deviceOptions,
        example: "dmfuse table --paths x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        try invocation.forEachDevice { device throws(Refusal) in
            let (status, lines) = try invocation.daemon.run("table", device.address) {
                client throws(DMError) in
                try client.table(
                    device.address.reference, inactive: options.inactive, paths: options.paths)
            }
            if options.concise {
                try printConcise(status, lines, of: device, invocation)
            } else {
                try LinePrinter.print(status, lines, of: device, invocation)
            }
        }
    }

    /// All devices on one line, which `run` of the command line ends.
    private static func printConcise(
        _ status: DeviceStatus, _ lines: [TableLine], of device: Invocation.Device,
        _ invocation: Invocation
    ) throws(Refusal) {
        let shown = lines.filter { LinePrinter.isWanted($0, invocation) }
        guard !shown.isEmpty || (lines.isEmpty && invocation.options.target == nil) else { return }
        let daemon = invocation.daemon
        let console = invocation.console
        if invocation.startedConciseLine { console.print(";") }
        invocation.startedConciseLine = true
        let name = try invocation.name(of: device, status)
        console.print(ConciseText.quoted(name.bytes) + [UInt8(ascii: ",")])
        console.print(ConciseText.quoted(try daemon.unmangledUUID(status.uuid).bytes))
        console.print(",\(status.number.minor),\(status.isReadOnly ? "ro" : "rw")")
        for line in shown {
            console.print(",\(line.start) \(line.length) ")
            console.print(
                line.targetType.bytes + [UInt8(ascii: " ")]
                    + ConciseText.quoted(line.parameters.bytes))
        }
    }
}
