import DMControl
import DeviceMapper

/// `deps [-o devno|devname|blkdevname] [DEVICE...]`: the devices that a table uses, newest first.
enum DependenciesCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."], summary: "list the devices below devices",
        details: """
            -o says how they are shown: devno, blkdevname or devname.
            """,
        options: [.options, .inactive, .select] + CommandPage.deviceOptions,
        example: "dmfuse deps -o blkdevname x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        let console = invocation.console
        let form = try NumberForm(options)
        try invocation.forEachDevice { device throws(Refusal) in
            let (status, found) = try daemon.run("deps", device.address) {
                client throws(DMError) in
                try client.dependencies(device.address.reference, inactive: options.inactive)
            }
            let dependencies = found ?? []
            try invocation.showInfoIfVerbose(status)
            if device.isOneOfMany, options.verbose == 0 {
                let name = try invocation.name(of: device, status)
                console.print(name.bytes + Array(": ".utf8))
            }
            console.print("\(dependencies.count) dependencies\t:")
            for number in dependencies {
                let name = try form.name(of: number, daemon)
                console.print(" (")
                console.print((name ?? "\(number.major), \(number.minor)").bytes)
                console.print(")")
            }
            console.print("\n")
            if device.isOneOfMany, options.verbose > 0 { console.print("\n") }
        }
    }
}
