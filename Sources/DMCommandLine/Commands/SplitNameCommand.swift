import DeviceMapper

/// `splitname NAME [SUBSYSTEM]`: the parts of a name that LVM composed. Asks no daemon.
enum SplitNameCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        guard let name = invocation.words.first, let report = invocation.report else { return }
        let subsystem =
            invocation.words.count == 2 ? invocation.words.last : ByteString("LVM")
        let row = DeviceRow.splitting(
            name, subsystem: subsystem ?? .empty, names: BlockDeviceNames(mappedMajor: 0))
        try report.add(row, invocation)
    }
}
