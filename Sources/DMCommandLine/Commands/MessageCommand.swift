import DMControl
import DeviceMapper

/// `message DEVICE SECTOR WORD...`: sends a message to the target at SECTOR and prints its answer.
enum MessageCommand {
    static let page = CommandPage(
        usage: ["DEVICE SECTOR WORD..."],
        summary: "send a message to the target at a sector, and print its answer",
        options: CommandPage.deviceOptions,
        example: "dmfuse message x 0 help", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let address = try invocation.deviceBeforeWords()
        let sector = try self.sector(invocation.words.popFirst() ?? .empty)
        if invocation.words.isEmpty {
            invocation.diagnostics.note(Refusal("No message supplied."))
        }
        let message = invocation.words.joined(separator: " ")
        let (_, answer) = try invocation.daemon.run("message", address) { client throws(DMError) in
            try client.message(address.reference, sector: sector, message)
        }
        guard let answer else { return }
        invocation.console.print(answer.bytes)
        if let last = answer.bytes.last, last != UInt8(ascii: "\n") {
            invocation.console.print("\n")
        }
    }

    private static func sector(_ word: ByteString) throws(Refusal) -> UInt64 {
        var rest = word.bytes[...]
        guard let sector = Decimal.unsigned(&rest), !sector.overflow, rest.isEmpty else {
            throw Refusal("Invalid sector.")
        }
        return sector.value
    }
}
