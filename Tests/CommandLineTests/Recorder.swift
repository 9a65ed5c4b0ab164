@testable import DMCommandLine

/// Keeps what a command writes.
final class Recorder {
    private(set) var output: [UInt8] = []
    private var errors: [UInt8] = []
    /// Both, in the order in which they were written.
    private var both: [UInt8] = []

    /// `isTerminal`: nothing is kept back.
    func console(isTerminal: Bool = false) -> Console {
        Console(
            keep: isTerminal ? 0 : 1 << 16,
            output: { [self] in
                output += $0
                both += $0
            },
            errors: { [self] in
                errors += $0
                both += $0
            })
    }

    var outputText: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: errors, as: UTF8.self) }
    var allText: String { String(decoding: both, as: UTF8.self) }
}
