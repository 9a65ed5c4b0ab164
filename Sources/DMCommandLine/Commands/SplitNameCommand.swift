import DeviceMapper

/// `splitname NAME [SUBSYSTEM]`: the parts of a name that LVM composed. Asks no daemon.
enum SplitNameCommand {
    static let page = CommandPage(
        usage: ["NAME [SUBSYSTEM]"], summary: "show the parts of a name that LVM composed",
        options: CommandPage.reportOptions,
        example: "dmfuse splitname vg-lv")

    static func run(_ invocation: Invocation) throws(Refusal) {
        guard let name = invocation.words.first, let report = invocation.report else { return }
        let subsystem =
            invocation.words.count == 2 ? invocation.words.last : ByteString("LVM")
        let row = DeviceRow.splitting(
            name, subsystem: subsystem ?? .empty, names: BlockDeviceNames(mappedMajor: 0))
        try report.add(row, invocation)
    }
}
