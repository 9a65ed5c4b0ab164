/// Which mapped devices stand on which: an edge for each lower mapped device that a table of the
/// upper one, live or inactive, holds open.
///
/// All of it is guarded by dm_sem. An edge is added in one step with the check that no circle
/// closes, so that two loads at once can't close one between them.
struct EdgeGraph {
    private struct Key: Hashable {
        let lower: ObjectIdentifier
        let isWritable: Bool
    }

    private struct Node {
        let device: MappedDevice
        /// How many tables of this device hold the lower device open, in each mode.
        var lower: [Key: (device: MappedDevice, tables: Int)] = [:]
        /// The other direction; the count is of edges.
        var upper: [ObjectIdentifier: Int] = [:]
    }

    private var nodes: [ObjectIdentifier: Node] = [:]

    var isEmpty: Bool { nodes.isEmpty }

    /// One more table of `upper` opens `lower`. True: a new edge, so one more opener of `lower`.
    /// Live and inactive table of one device share an edge, as the kernel's table devices do.
    /// EINVAL: a circle. ELOOP: too deep.
    mutating func add(
        _ upper: MappedDevice, over lower: MappedDevice, writable: Bool
    ) throws(DMError) -> Bool {
        let key = Key(lower: ObjectIdentifier(lower), isWritable: writable)
        if let edge = nodes[ObjectIdentifier(upper)]?.lower[key] {
            nodes[ObjectIdentifier(upper)]?.lower[key]?.tables = edge.tables + 1
            return false
        }
        guard !reaches(from: lower, to: upper) else {
            throw DMError(.invalidArgument, "a table can't lead back to its own device")
        }
        var memo: [ObjectIdentifier: Int] = [:]
        let below = longest(ObjectIdentifier(lower), &memo) { $0.lower.keys.map(\.lower) }
        memo = [:]
        let above = longest(ObjectIdentifier(upper), &memo) { Array($0.upper.keys) }
        guard above + below <= Limits.stackedDevices else {
            throw DMError(
                .tooManySymbolicLinkLevels,
                "more than \(Limits.stackedDevices) mapped devices one on another")
        }
        nodes[ObjectIdentifier(upper), default: Node(device: upper)].lower[key] = (lower, 1)
        nodes[ObjectIdentifier(lower), default: Node(device: lower)]
            .upper[ObjectIdentifier(upper), default: 0] += 1
        return true
    }

    /// A table of `upper` closes `lower`. True: the edge is gone, so one opener less.
    mutating func remove(
        _ upper: MappedDevice, over lower: MappedDevice, writable: Bool
    ) -> Bool {
        let key = Key(lower: ObjectIdentifier(lower), isWritable: writable)
        guard let edge = nodes[ObjectIdentifier(upper)]?.lower[key] else {
            preconditionFailure("an edge was removed twice")
        }
        guard edge.tables == 1 else {
            nodes[ObjectIdentifier(upper)]?.lower[key]?.tables = edge.tables - 1
            return false
        }
        nodes[ObjectIdentifier(upper)]?.lower[key] = nil
        let left = (nodes[ObjectIdentifier(lower)]?.upper[ObjectIdentifier(upper)] ?? 1) - 1
        nodes[ObjectIdentifier(lower)]?.upper[ObjectIdentifier(upper)] = left > 0 ? left : nil
        dropIfAlone(upper)
        dropIfAlone(lower)
        return true
    }

    /// The devices that have a table over this one, or are loading one.
    func uppers(of device: MappedDevice) -> [MappedDevice] {
        (nodes[ObjectIdentifier(device)]?.upper.keys ?? [:].keys).compactMap { nodes[$0]?.device }
    }

    /// The mapped devices that tables of this one stand on.
    func lowers(of device: MappedDevice) -> [MappedDevice] {
        (nodes[ObjectIdentifier(device)]?.lower.values ?? [:].values).map(\.device)
    }

    private mutating func dropIfAlone(_ device: MappedDevice) {
        guard let node = nodes[ObjectIdentifier(device)] else { return }
        if node.lower.isEmpty && node.upper.isEmpty { nodes[ObjectIdentifier(device)] = nil }
    }

    private func reaches(from start: MappedDevice, to goal: MappedDevice) -> Bool {
        var open = [ObjectIdentifier(start)]
        var seen = Set(open)
        while let next = open.popLast() {
            if next == ObjectIdentifier(goal) { return true }
            for key in nodes[next]?.lower.keys ?? [:].keys where seen.insert(key.lower).inserted {
                open.append(key.lower)
            }
        }
        return false
    }

    /// Devices on the longest way from `start` in one direction, itself included. The graph has no
    /// circle and no way is longer than `Limits.stackedDevices`, so the recursion is bounded.
    private func longest(
        _ start: ObjectIdentifier, _ memo: inout [ObjectIdentifier: Int],
        _ next: (Node) -> [ObjectIdentifier]
    ) -> Int {
        if let known = memo[start] { return known }
        var longestBeyond = 0
        for neighbour in nodes[start].map(next) ?? [] {
            longestBeyond = max(longestBeyond, longest(neighbour, &memo, next))
        }
        memo[start] = longestBeyond + 1
        return longestBeyond + 1
    }
}
