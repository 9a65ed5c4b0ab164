import DMControl
import DeviceMapper

/// `info [DEVICE...]`, `info -c [-o FIELDS] [-O KEYS] [-S CRITERIA] [DEVICE...]`.
enum InfoCommand {
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
