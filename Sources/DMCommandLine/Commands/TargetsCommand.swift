import DMControl
import DeviceMapper

/// `targets`: the target types and their versions, newest first.
enum TargetsCommand {
    static let page = CommandPage(
        usage: [""], summary: "list the target types",
        example: "dmfuse targets")

    static func run(_ invocation: Invocation) throws(Refusal) {
        let targets = try invocation.daemon.run("versions", DeviceAddress()) {
            client throws(DMError) in
            try client.targets()
        }
        targets.forEach { print($0, to: invocation.console) }
    }

    static func print(_ target: TargetVersionEntry, to console: Console) {
        let padding = String(repeating: " ", count: max(0, 16 - target.name.count))
        console.print(target.name.bytes)
        console.print("\(padding) v\(target.version)\n")
    }
}

/// `target-version TYPE...`.
enum TargetVersionCommand {
    static let page = CommandPage(
        usage: ["TYPE..."], summary: "show the versions of target types",
        example: "dmfuse target-version linear", words: .targets)

    static func run(_ invocation: Invocation) throws(Refusal) {
        guard let name = invocation.words.first else { return }
        let address = try DeviceAddress(name: invocation.daemon.newName(name))
        let target = try invocation.daemon.run("target-version", address) {
            client throws(DMError) in
            try client.target(address.name ?? .empty)
        }
        if let target { TargetsCommand.print(target, to: invocation.console) }
    }
}
