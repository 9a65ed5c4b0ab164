import DMControl
import DeviceMapper
import Glibc

/// `ls [--target TYPE] [--exec COMMAND] [-o FORM]`, `ls --tree [-o OPTIONS]`.
enum ListCommand {
    static let page = CommandPage(
        usage: [""], summary: "list the devices",
        details: """
            -o says how numbers are shown: devno, blkdevname or devname; with --tree what is shown: \
            blkdevname, nodevice, active, open, uuid, rw; ascii, utf or vt100; compact, inverted, \
            notrunc.
            """,
        options: [.tree, .options, .target, .exec],
        example: "dmfuse ls --tree")

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        if options.target != nil || options.exec != nil {
            try listByTarget(invocation)
        } else if options.tree {
            try drawTree(invocation)
        } else {
            try list(invocation)
        }
    }

    private static func list(_ invocation: Invocation) throws(Refusal) {
        let form = try NumberForm(invocation.options)
        try invocation.forAllDevices { device throws(Refusal) in
            guard let number = device.entry?.number, let name = device.name else { return }
            let shown = try form.name(of: number, invocation.daemon)?.bytes
            invocation.console.print(name.bytes + Array("\t(".utf8))
            invocation.console.print(shown ?? Array(number.description.utf8))
            invocation.console.print(")\n")
        }
    }

    /// The devices with a line of the type.
    private static func listByTarget(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let daemon = invocation.daemon
        try invocation.forAllDevices { device throws(Refusal) in
            let reply = try daemon.ifExists { () throws(Refusal) in
                try daemon.run("status", device.address) { client throws(DMError) in
                    try client.status(device.address.reference, inactive: options.inactive)
                }
            }
            guard let (status, lines) = reply else { throw Refusal.doesNotExist }
            let isMatch =
                lines.contains { LinePrinter.isWanted($0, invocation) }
                || (lines.isEmpty && options.target == nil)
            guard isMatch else { return }
            if options.exec == nil || options.verbose > 0 {
                let number = status.number
                invocation.console.print((device.name ?? .empty).bytes)
                invocation.console.print("\t(\(number.major), \(number.minor))\n")
            }
            try ExecOption.run(status.name, invocation)
        }
    }

    private static func drawTree(_ invocation: Invocation) throws(Refusal) {
        let options = try treeOptions(invocation.options, invocation.surroundings)
        let names = try invocation.daemon.blockNames()
        let tree = try DependencyTree.whole(invocation)
        // vt100's sequences would be counted as characters, so dmsetup doesn't fit those in.
        let terminal = options.symbols == .vt100 ? nil : invocation.surroundings.terminalWidth()
        var drawing = TreeDrawing(options, names: names, width: terminal.map { $0 - 3 } ?? 80)
        invocation.console.print(drawing.draw(tree))
    }

    static func treeOptions(
        _ options: CommandLineOptions, _ surroundings: Surroundings
    ) throws(Refusal) -> TreeOptions {
        try TreeOptions(
            options.fields ?? .empty, symbols: surroundings.localeIsUTF8() ? .utf : .ascii)
    }
}
