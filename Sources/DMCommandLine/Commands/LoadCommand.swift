import DMControl
import DeviceMapper

/// `load DEVICE [FILE]`, also `reload`: puts a table into the inactive slot.
enum LoadCommand {
    static let page = CommandPage(
        usage: ["DEVICE [FILE]", "DEVICE --table TABLE"], summary: "load a device's inactive table",
        details: """
            The next resume makes it the live one. It comes from --table, from FILE, or else from \
            standard input, as with create.
            """,
        options: [.table, .readOnly] + CommandPage.deviceOptions,
        example: "dmfuse load x --table '0 2048 zero'", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        guard !options.noTable else {
            throw Refusal("--notable only available when creating new device.")
        }
        if invocation.namesDeviceByOption {
            guard invocation.words.count <= 1 else {
                throw Refusal("Too many command line arguments.")
            }
        } else if invocation.words.isEmpty {
            throw Refusal("Please specify device.")
        }
        let address = try invocation.deviceBeforeWords()
        let lines = try TableSource(invocation).read()
        let status = try invocation.daemon.load(address, lines, readOnly: options.readOnly)
        try invocation.showInfoIfVerbose(status)
    }
}
