import DMControl
import DeviceMapper

/// `dmfuse trace`.
enum TraceVerb {
    static let verb = Verb(
        name: "trace",
        page: CommandPage(
            usage: [""], summary: "print the life of a mount's devices, step by step",
            details: """
                For a mount that was made with --trace lifecycle: a line for each allocation, step and \
                free of a hash cell (hc), mapped device (md), table, disk, queue or minor number, \
                oldest first, with the step's number in the order of registering or removing and the \
                kind of thread that did it. The newest 65536 events are kept.
                """,
            example: "dmfuse mount --trace lifecycle dm; dmfuse trace"),
        leastWords: 0, mostWords: 0, run: run)

    private static func run(_ options: VerbOptions, _ console: Console) throws(Refusal) -> Int32 {
        let mount = try MountChoice.choose(options.value(of: .directory))
        do throws(DMError) {
            let client = try ControlClient(mount: mount.path, deviceDirectory: "/dev")
            print(try client.trace(), to: console)
            return 0
        } catch {
            throw Refusal(mount.line(of: error), about: mount.path)
        }
    }

    // MARK: Columns

    private static let widths = [9, 10, 6, 16, 7, 10, 7]

    static func print(_ listing: LifecycleListing, to console: Console) {
        console.printLine(
            row("SEQUENCE", "STEP", "OBJECT", "EVENT", "MINOR", "GENERATION", "TABLE", "THREAD"))
        if listing.dropped > 0 {
            console.printLine("(\(listing.dropped) older events dropped)")
        }
        for record in listing.records {
            console.printLine(
                row(
                    "\(record.sequence)", "\(record.event.direction.rawValue) \(record.event.step)",
                    record.event.structure, record.event.words, "\(record.minor)",
                    "\(record.generation)", record.table == 0 ? "-" : "\(record.table)",
                    word(record.thread)))
        }
    }

    private static func row(_ columns: String...) -> String {
        var line = ""
        for (column, width) in zip(columns, widths) {
            line += column
            line += String(repeating: " ", count: max(width + 1 - column.utf8.count, 1))
        }
        return line + (columns.last ?? "")
    }

    private static func word(_ thread: ThreadKind) -> String {
        switch thread {
        case .other: "control"
        case .io: "io"
        case .filesystem: "fuse"
        case .removal: "removal"
        }
    }
}
