import DeviceMapper

/// The two streams that a command writes to.
///
/// What goes to standard output is kept until the end unless that is a terminal, and standard error
/// is never kept: so when both are one pipe, refusals come before output, as with dmsetup (stdio).
/// One thread at a time.
final class Console {
    private let standardOutput: (_ bytes: [UInt8]) -> Void
    private let standardError: (_ bytes: [UInt8]) -> Void
    /// Bytes kept before they are written: 0 writes every line at once.
    private let keep: Int
    private var kept: [UInt8] = []

    init(
        keep: Int, output: @escaping (_ bytes: [UInt8]) -> Void,
        errors: @escaping (_ bytes: [UInt8]) -> Void
    ) {
        self.keep = keep
        standardOutput = output
        standardError = errors
    }

    func print(_ bytes: some Collection<UInt8>) {
        kept.append(contentsOf: bytes)
        if kept.count > keep { flush() }
    }

    func print(_ text: String) { print(text.utf8) }

    func printLine(_ text: String) { print("\(text)\n") }

    /// A line on standard error, as `Printable` shows it: names and paths in it may hold anything.
    func report(_ bytes: some Collection<UInt8>) {
        standardError(Printable.bytes(bytes) + [UInt8(ascii: "\n")])
    }

    func report(_ text: String) { report(text.utf8) }

    /// Lines of our own on standard error, with their newlines.
    func reportText(_ text: String) { standardError(Array(text.utf8)) }

    /// Before anything else writes to our standard output: another program, or the end.
    func flush() {
        guard !kept.isEmpty else { return }
        standardOutput(kept)
        kept.removeAll(keepingCapacity: true)
    }
}
