import DMControl
import DeviceMapper

/// `info [DEVICE...]`, `info -c [-o FIELDS] [-O KEYS] [-S CRITERIA] [DEVICE...]`.
enum InfoCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."], summary: "show the state of devices",
        details: """
            Of all devices where none is named. -o help lists the fields of a report, -S help what \
            criteria are.
            """,
        options: [.inactive, .noOpenCount] + CommandPage.reportOptions + CommandPage.deviceOptions,
        example: "dmfuse info -c -o name,open,uuid", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let inactive = invocation.options.inactive
        let daemon = invocation.daemon
        try invocation.forEachDevice { device throws(Refusal) in
            let status = try daemon.ifExists { () throws(Refusal) in
                try daemon.run("info", device.address) { client throws(DMError) in
                    try client.info(device.address.reference, inactive: inactive)
                }
            }
            guard let status else { throw .doesNotExist }
            try invocation.showInfo(status)
        }
    }
}

extension Refusal {
    /// What dmsetup says where it asked for a status; for us it is the errno that it was.
    static var doesNotExist: Refusal {
        var refusal = Refusal(
            ["Device does not exist."], cause: SystemCalls.text(.noSuchAddressOrDevice))
        refusal.errno = .noSuchAddressOrDevice
        return refusal
    }
}
