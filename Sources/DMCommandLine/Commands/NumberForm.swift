import DMControl
import DeviceMapper

/// How `-o` of ls and deps wants device numbers: as they are, or as names.
enum NumberForm {
    case number
    case kernelName
    /// The name of a mapped device, the kernel's of another.
    case name

    /// Words may be cut; the last one counts.
    init(_ options: CommandLineOptions) throws(Refusal) {
        self = .number
        // With columns `-o` is about those.
        guard !options.columns else { return }
        let comma = UInt8(ascii: ",")
        var rest = (options.fields ?? .empty).bytes[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0 != comma }
            if "devno".utf8.starts(with: word) {
                self = .number
            } else if "blkdevname".utf8.starts(with: word) {
                self = .kernelName
            } else if "devname".utf8.starts(with: word) {
                self = .name
            } else {
                throw Refusal("Option not recognised: \(Printable.text(rest)).")
            }
            rest = rest[word.endIndex...].dropFirst()
        }
    }

    /// Nil where only the number will do. A mapped device that never had a table has no disk, and
    /// without one no names.
    func name(of number: DeviceNumber, _ daemon: DaemonClient) throws(Refusal) -> ByteString? {
        guard self != .number else { return nil }
        let names = try daemon.blockNames()
        guard names.isMapped(number) else { return names.kernelName(of: number) }
        let status = try daemon.ifExists { () throws(Refusal) in
            try daemon.run("info", DeviceAddress()) { client throws(DMError) in
                try client.info(.number(number))
            }
        }
        guard let status, status.hasAnyTable else { return nil }
        return self == .name ? status.name : names.kernelName(of: number)
    }
}
