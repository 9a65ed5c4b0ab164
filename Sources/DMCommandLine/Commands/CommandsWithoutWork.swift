/// `mknodes [DEVICE...]`: nothing to do. The mount itself shows a file for every device, always.
enum MakeNodesCommand {
    static let page = CommandPage(
        usage: ["[DEVICE]..."], summary: "nothing: the mount always shows a file for every device",
        example: "dmfuse mknodes")

    static func run(_ invocation: Invocation) throws(Refusal) {
        _ = try invocation.daemon.client()
    }
}

/// A command of dmsetup's that has nothing to work on here: statistics, until they are there.
enum UnsupportedCommand {
    static let page = CommandPage(
        usage: ["COMMAND"], summary: "statistics, which are not there yet",
        example: "dmfuse stats list")

    static func run(_ invocation: Invocation) throws(Refusal) {
        throw Refusal("Command not supported.")
    }
}
