import DMControl
import DeviceMapper

/// Who uses whom: all mapped devices and the devices under them, as `ls --tree` shows them.
///
/// Children stand in the order in which the daemon lists dependencies, parents in the order in
/// which they were met. The two ends of the walk, the devices that nobody uses and those that use
/// nothing, are children of one root, above and below.
final class DependencyTree {
    final class Node {
        let number: DeviceNumber
        /// As people see it; empty for what isn't a mapped device.
        let name: ByteString
        let uuid: ByteString
        /// Nil for what isn't a mapped device.
        let status: DeviceStatus?
        fileprivate(set) var children: [Node] = []
        fileprivate(set) var parents: [Node] = []
        private var childSet: Set<ObjectIdentifier> = []

        init(
            number: DeviceNumber, name: ByteString = .empty, uuid: ByteString = .empty,
            status: DeviceStatus? = nil
        ) {
            self.number = number
            self.name = name
            self.uuid = uuid
            self.status = status
        }

        fileprivate func link(to child: Node) {
            guard childSet.insert(ObjectIdentifier(child)).inserted else { return }
            children.append(child)
            child.parents.append(self)
        }
    }

    /// What the daemon says of one device.
    struct Description {
        var name: ByteString
        var uuid: ByteString
        var status: DeviceStatus
        /// Newest first; empty when there is no table.
        var dependencies: [DeviceNumber]
    }

    /// Devices that nothing uses, in the order in which they were added.
    var topLevel: [Node] { order.filter { $0.parents.isEmpty && roots.contains($0.number) } }

    /// Devices that use nothing, in the order in which they were met.
    var bottomLevel: [Node] { order.filter(\.children.isEmpty) }

    private var nodes: [DeviceNumber: Node] = [:]
    private var order: [Node] = []
    private var roots: Set<DeviceNumber> = []
    private let describe: (_ number: DeviceNumber) throws(Refusal) -> Description?

    /// `describe` gives nil for what isn't a mapped device.
    init(describe: @escaping (_ number: DeviceNumber) throws(Refusal) -> Description?) {
        self.describe = describe
    }

    func node(_ number: DeviceNumber) -> Node? { nodes[number] }

    /// Adds a device and all that is under it. Without recursion: stacks may be deep.
    func add(_ number: DeviceNumber) throws(Refusal) {
        roots.insert(number)
        guard nodes[number] == nil else { return }
        var pending = [(try makeNode(number), 0)]
        while let (entry, place) = pending.popLast() {
            guard place < entry.dependencies.count else { continue }
            pending.append((entry, place + 1))
            let child = entry.dependencies[place]
            if let known = nodes[child] {
                entry.node.link(to: known)
            } else {
                let made = try makeNode(child)
                entry.node.link(to: made.node)
                pending.append((made, 0))
            }
        }
    }

    private func makeNode(
        _ number: DeviceNumber
    ) throws(Refusal) -> (node: Node, dependencies: [DeviceNumber]) {
        let description = try describe(number)
        let node = Node(
            number: number, name: description?.name ?? .empty, uuid: description?.uuid ?? .empty,
            status: description?.status)
        nodes[number] = node
        order.append(node)
        return (node, description?.dependencies ?? [])
    }
}
