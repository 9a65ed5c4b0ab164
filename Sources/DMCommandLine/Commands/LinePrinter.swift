import DMControl
import DeviceMapper

/// Prints the lines of a table or a status.
enum LinePrinter {
    /// Whether `--target` lets a line through.
    static func isWanted(_ line: TableLine, _ invocation: Invocation) -> Bool {
        guard let target = invocation.options.target else { return true }
        return line.targetType == target
    }

    static func print(
        _ status: DeviceStatus, _ lines: [TableLine], of device: Invocation.Device,
        _ invocation: Invocation
    ) throws(Refusal) {
        let options = invocation.options
        let console = invocation.console
        let name = try invocation.name(of: device, status)
        let wanted = lines.filter { isWanted($0, invocation) }
        // A device without a table has one empty line.
        let isEmptyLine = lines.isEmpty && options.target == nil
        guard isEmptyLine || !wanted.isEmpty else { return }
        if options.exec == nil || options.verbose > 0 {
            try invocation.showInfoIfVerbose(status)
            let names = device.isOneOfMany && options.verbose == 0
            let prefix = names ? name.bytes + Array(": ".utf8) : []
            if isEmptyLine { console.print(prefix + [UInt8(ascii: "\n")]) }
            for line in wanted {
                console.print(prefix)
                console.print("\(line.start) \(line.length) ")
                console.print(line.targetType.bytes + [UInt8(ascii: " ")])
                console.print(line.parameters.bytes + [UInt8(ascii: "\n")])
            }
        }
        if device.isOneOfMany, options.verbose > 0 { console.print("\n") }
        try ExecOption.run(status.name, invocation)
    }
}
