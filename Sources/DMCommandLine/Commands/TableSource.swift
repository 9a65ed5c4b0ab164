import DMControl
import DeviceMapper
import SystemPackage

/// Where a command's table comes from: `--table`, a file named by its last word, or standard input.
struct TableSource {
    private let text: ByteString?
    private let file: ByteString?
    private let invocation: Invocation

    /// The words behind the device's name are what is left.
    init(_ invocation: Invocation) {
        text = invocation.options.table
        file = invocation.words.first
        self.invocation = invocation
    }

    func read() throws(Refusal) -> [TableLine] {
        if let text { return try TableText.parse(text.bytes, source: "") }
        guard let file else {
            return try TableText.parse(try standardInput(), source: "on stdin")
        }
        let contents: [UInt8]
        do {
            contents = try SystemCalls.contents(of: file)
        } catch {
            // To stdio a directory is an empty file.
            if error == .isDirectory, invocation.personality == .dmsetup { return [] }
            throw Refusal(
                ["Couldn't open '\(file.string)' for reading."],
                cause: "\(file.string): \(SystemCalls.text(error))")
        }
        return try TableText.parse(contents, source: file.string)
    }

    func standardInput() throws(Refusal) -> [UInt8] {
        do {
            return try invocation.surroundings.readStandardInput()
        } catch {
            throw Refusal("Read from stdin aborted: \(SystemCalls.text(error))")
        }
    }
}
