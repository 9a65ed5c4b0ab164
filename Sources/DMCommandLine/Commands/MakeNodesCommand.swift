/// `mknodes [DEVICE...]`: nothing to do. The mount itself shows a file for every device, always.
enum MakeNodesCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        _ = try invocation.daemon.client()
    }
}
