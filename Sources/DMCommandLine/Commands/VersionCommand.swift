import DMControl
import DeviceMapper

/// `version`: who we are, and the interface that the daemon speaks.
enum VersionCommand {
    static let page = CommandPage(
        usage: [""], summary: "show our version, and that of the daemon",
        example: "dmfuse version")

    static let program = "0.1.0"
    /// The dmsetup that we are when called by that name.
    static let library = "1.02.185 (2022-05-18)"

    /// What `dmfuse --version` prints.
    static func line(_ surroundings: Surroundings) -> String {
        let commit = surroundings.commit.isEmpty ? "" : " (\(surroundings.commit))"
        return "dmfuse \(program)\(commit)\n"
    }

    static func run(_ invocation: Invocation) throws(Refusal) {
        switch invocation.personality {
        case .dmsetup: invocation.console.printLine("Library version:   \(library)")
        case .dmfuse: invocation.console.printLine("dmfuse version:    \(program)")
        }
        let driver = try invocation.daemon.run("version", DeviceAddress()) {
            client throws(DMError) in
            try client.version()
        }
        invocation.console.printLine("Driver version:    \(driver)")
    }
}
