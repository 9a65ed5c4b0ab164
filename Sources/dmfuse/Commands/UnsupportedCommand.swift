/// Commands of dmsetup's that have nothing to work on here: the kernel's integrity measurements,
/// and (until they are there) statistics.
enum UnsupportedCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        throw Refusal("Command not supported.")
    }
}
