import DeviceMapper
import Glibc
import SystemPackage

/// What the kernel's sysfs and /proc would tell of the mapped devices:
/// ```
/// block/dm-N/...          /sys/block/dm-N, from the first table on (`BlockItem`)
/// block/dm-N/slaves/X     a link to what it stands on: ../../dm-M, or /sys/class/block/X
/// block/dm-N/holders/dm-M a link to what stands on it: ../../dm-M
/// block/X/holders/dm-N    the same of a block device X that isn't ours
/// proc/partitions         the lines of /proc/partitions
/// proc/diskstats          the lines of /proc/diskstats
/// ```
/// Files below have no device number and aren't shown. Made up afresh for each question, as the rest of
/// the tree is; a text is made when it is read. Takes dm_sem for reading, briefly, and never waits for a
/// device.
struct BlockTree: Sendable {
    private let registry: DeviceRegistry
    private let readAhead: ReadAhead
    private let mountTime: Int64

    init(registry: DeviceRegistry, readAhead: ReadAhead, mountTime: Int64) {
        self.registry = registry
        self.readAhead = readAhead
        self.mountTime = mountTime
    }

    /// The directories of the mount's root.
    static let directories: [(ByteString, NodeNumber.Kind)] = [
        (ByteString("block"), .blockDirectory), (ByteString("proc"), .procDirectory),
    ]

    static func directory(_ name: ByteString) -> NodeNumber.Kind? {
        directories.first { $0.0 == name }?.1
    }

    private static let procFiles: [(name: ByteString, kind: NodeNumber.Kind)] = [
        (ByteString("partitions"), .partitions), (ByteString("diskstats"), .diskStatistics),
    ]
    private static let holders = ByteString("holders")

    // MARK: Looking up

    func lookup(_ name: ByteString, in directory: NodeNumber) -> Attributes? {
        found(name, in: directory).flatMap { attributes(of: NodeNumber($0)) }
    }

    private func found(_ name: ByteString, in directory: NodeNumber) -> NodeNumber.Kind? {
        switch directory.kind {
        case .procDirectory:
            return BlockTree.procFiles.first { $0.name == name }?.kind
        case .blockDirectory:
            if let minor = Tree.minor(ofDeviceFile: name) {
                return registry.disk(minor: minor).map(BlockTree.directory)
            }
            return outsideNumber(name).map { .other($0) }
        case .other(let number):
            return name == BlockTree.holders ? .otherHolders(number) : nil
        case .otherHolders(let number):
            return Tree.minor(ofDeviceFile: name).map { .holder(of: number, $0) }
        case .blockItem(let minor, let generation, let item):
            switch item {
            case BlockItem.slaves:
                return lowerNumber(name).map { .slave(of: minor, $0) }
            case BlockItem.holders:
                return Tree.minor(ofDeviceFile: name).map { .holder(of: own(minor), $0) }
            default:
                return BlockItem.index(of: name, in: item).map {
                    .blockItem(minor: minor, generation: generation, item: $0)
                }
            }
        default:
            return nil
        }
    }

    private static func directory(_ disk: DiskInfo) -> NodeNumber.Kind {
        .blockItem(minor: disk.number.minor, generation: disk.generation, item: BlockItem.device)
    }

    private func own(_ minor: UInt32) -> DeviceNumber {
        DeviceNumber(major: registry.mappedMajor, minor: minor)
    }

    /// The number of a link's name in `slaves`.
    private func lowerNumber(_ name: ByteString) -> DeviceNumber? {
        Tree.minor(ofDeviceFile: name).map(own) ?? outsideNumber(name)
    }

    private func outsideNumber(_ name: ByteString) -> DeviceNumber? { BlockNodes.number(of: name) }

    /// Nil: its device is gone, or the link with what it was for.
    func attributes(of node: NodeNumber) -> Attributes? {
        guard let kind = node.kind else { return nil }
        switch kind {
        case .blockDirectory:
            return Attributes(directory: kind, children: nil, time: mountTime)
        case .procDirectory:
            return Attributes(directory: kind, children: 0, time: mountTime)
        case .partitions, .diskStatistics:
            return Attributes(text: kind, isWritable: false, time: mountTime)
        // Be there a table over it or not: to look at all tables for each name would take its time.
        case .other(let number):
            guard BlockNodes.name(of: number) != nil else { return nil }
            return Attributes(directory: kind, children: 1, time: mountTime)
        case .otherHolders(let number):
            guard BlockNodes.name(of: number) != nil else { return nil }
            return Attributes(directory: kind, children: 0, time: mountTime)
        case .slave, .holder:
            guard let (disk, target) = link(kind) else { return nil }
            return Attributes(link: kind, target: target, time: disk.creationTime)
        case .blockItem(let minor, let generation, let index):
            guard let item = BlockItem.at(index),
                let disk = registry.disk(minor: minor, generation: generation), disk.hasTable
            else { return nil }
            switch item.content {
            case .directory:
                return Attributes(
                    directory: kind, children: BlockItem.directories(in: index),
                    time: disk.creationTime)
            case .link(let target):
                return Attributes(link: kind, target: target, time: disk.creationTime)
            case .text:
                return Attributes(text: kind, isWritable: false, time: disk.creationTime)
            case .readAhead:
                return Attributes(text: kind, isWritable: true, time: disk.creationTime)
            }
        default:
            return nil
        }
    }

    // MARK: Links

    /// Where a link leads; nil: it is none, or there is nothing any more that it is for.
    func target(of node: NodeNumber) -> ByteString? {
        guard let kind = node.kind else { return nil }
        if case .blockItem(let minor, let generation, let index) = kind {
            guard case .link(let target) = BlockItem.at(index)?.content,
                registry.disk(minor: minor, generation: generation)?.hasTable == true
            else { return nil }
            return target
        }
        return link(kind)?.target
    }

    /// The device whose table makes the link, and where that leads.
    private func link(_ kind: NodeNumber.Kind) -> (disk: DiskInfo, target: ByteString)? {
        let (upper, lower, shown): (UInt32, DeviceNumber, DeviceNumber)
        switch kind {
        case .slave(let minor, let number): (upper, lower, shown) = (minor, number, number)
        case .holder(let number, let minor): (upper, lower, shown) = (minor, number, own(minor))
        default: return nil
        }
        guard let disk = registry.disk(minor: upper),
            registry.slaves(minor: upper, generation: disk.generation)?.contains(lower) == true
        else { return nil }
        return target(of: shown).map { (disk, $0) }
    }

    private func target(of number: DeviceNumber) -> ByteString? {
        if number.major == registry.mappedMajor {
            return "../../\(Tree.deviceFile(number.minor))"
        }
        return BlockNodes.name(of: number).map { "/sys/class/block/\($0)" }
    }

    // MARK: Listing

    /// As `Tree.entries`.
    func entries(of directory: NodeNumber) -> [DirectoryEntry]? {
        guard let kind = directory.kind else { return nil }
        switch kind {
        case .procDirectory:
            return DirectoryEntry.dots(self: kind, parent: .root)
                + BlockTree.procFiles.enumerated().map { index, file in
                    DirectoryEntry(
                        cookie: DirectoryEntry.firstChild + index, name: file.name,
                        node: NodeNumber(file.kind), type: S_IFREG)
                }
        case .blockDirectory:
            return DirectoryEntry.dots(self: kind, parent: .root)
                + registry.blockDisks().map { disk in
                    DirectoryEntry(
                        cookie: DirectoryEntry.cookie(minor: disk.number.minor),
                        name: Tree.deviceFile(disk.number.minor),
                        node: NodeNumber(BlockTree.directory(disk)), type: S_IFDIR)
                }
                + registry.outsideDevices().compactMap {
                    outsideEntry($0, .other($0), type: S_IFDIR)
                }
        case .other(let number):
            guard BlockNodes.name(of: number) != nil else { return nil }
            return DirectoryEntry.dots(self: kind, parent: .blockDirectory) + [
                DirectoryEntry(
                    cookie: DirectoryEntry.firstChild, name: BlockTree.holders,
                    node: NodeNumber(.otherHolders(number)), type: S_IFDIR)
            ]
        case .otherHolders(let number):
            guard BlockNodes.name(of: number) != nil else { return nil }
            return DirectoryEntry.dots(self: kind, parent: .other(number))
                + registry.holders(of: number).map { holderEntry($0, of: number) }
        case .blockItem(let minor, let generation, let item):
            return entries(minor, generation, item, kind)
        default:
            return nil
        }
    }

    private func entries(
        _ minor: UInt32, _ generation: UInt64, _ item: UInt8, _ kind: NodeNumber.Kind
    ) -> [DirectoryEntry]? {
        guard let own = BlockItem.at(item), case .directory = own.content else { return nil }
        func node(_ item: UInt8) -> NodeNumber.Kind {
            .blockItem(minor: minor, generation: generation, item: item)
        }
        let parent = item == BlockItem.device ? .blockDirectory : node(own.directory)
        let dots = DirectoryEntry.dots(self: kind, parent: parent)
        switch item {
        case BlockItem.slaves:
            let numbers = registry.slaves(minor: minor, generation: generation) ?? []
            let mapped = numbers.filter { $0.major == registry.mappedMajor }
            let outside = numbers.filter { $0.major != registry.mappedMajor }
            return dots
                + mapped.map { number in
                    DirectoryEntry(
                        cookie: DirectoryEntry.cookie(minor: number.minor),
                        name: Tree.deviceFile(number.minor),
                        node: NodeNumber(.slave(of: minor, number)), type: S_IFLNK)
                }
                + outside.compactMap {
                    outsideEntry($0, .slave(of: minor, $0), type: S_IFLNK)
                }
        case BlockItem.holders:
            let holders = registry.holders(minor: minor, generation: generation) ?? []
            return dots + holders.map { holderEntry($0, of: self.own(minor)) }
        default:
            return dots
                + BlockItem.indices(in: item).compactMap { index in
                    guard let child = BlockItem.at(index) else { return nil }
                    return DirectoryEntry(
                        cookie: DirectoryEntry.firstChild + Int(index), name: child.name,
                        node: NodeNumber(node(index)), type: child.content.type)
                }
        }
    }

    private func holderEntry(_ holder: DiskInfo, of number: DeviceNumber) -> DirectoryEntry {
        DirectoryEntry(
            cookie: DirectoryEntry.cookie(minor: holder.number.minor),
            name: Tree.deviceFile(holder.number.minor),
            node: NodeNumber(.holder(of: number, holder.number.minor)), type: S_IFLNK)
    }

    /// Nil: the host's sysfs has no name for it.
    private func outsideEntry(
        _ number: DeviceNumber, _ kind: NodeNumber.Kind, type: UInt32
    ) -> DirectoryEntry? {
        BlockNodes.name(of: number).map {
            DirectoryEntry(
                cookie: DirectoryEntry.cookie(number), name: $0, node: NodeNumber(kind), type: type)
        }
    }

    // MARK: Texts

    /// Whether a node is one of the texts, be its device there or not.
    func isText(_ node: NodeNumber) -> Bool {
        switch node.kind {
        case .partitions, .diskStatistics: true
        case .blockItem(_, _, let item):
            switch BlockItem.at(item)?.content {
            case .text, .readAhead: true
            default: false
            }
        default: false
        }
    }

    /// What a text says now; nil: its device is gone.
    func text(of node: NodeNumber) -> ByteString? {
        switch node.kind {
        case .partitions: return BlockTexts.partitions(registry.blocks())
        case .diskStatistics: return BlockTexts.diskStatistics(registry.blocks())
        case .blockItem(let minor, let generation, let item):
            guard let info = registry.block(minor: minor, generation: generation) else {
                return nil
            }
            switch BlockItem.at(item)?.content {
            case .text(let make): return make(info)
            case .readAhead: return "\(info.readAhead ?? readAhead.kilobytesByDefault)\n"
            default: return nil
            }
        default: return nil
        }
    }

    /// Whether a node is one that takes a number: the read-ahead.
    func isWritable(_ node: NodeNumber) -> Bool {
        guard case .blockItem(_, _, let item) = node.kind else { return false }
        if case .readAhead = BlockItem.at(item)?.content { return true }
        return false
    }

    /// Sets the read-ahead of the device that a node is about, in whole pages as the kernel's. EACCES: it is
    /// more than the mount's, and the daemon may not raise that. ENODEV: it is gone.
    func setReadAhead(_ kilobytes: UInt32, of node: NodeNumber) -> Errno? {
        guard case .blockItem(let minor, let generation, _) = node.kind else {
            return .operationNotSupportedByDevice
        }
        let page = UInt32(KernelPages.pageSize / 1024)
        let whole = kilobytes / page * page
        guard registry.disk(minor: minor, generation: generation)?.hasTable == true else {
            return .operationNotSupportedByDevice
        }
        guard readAhead.raise(to: whole) else { return .permissionDenied }
        let isThere = registry.setReadAhead(whole, minor: minor, generation: generation)
        return isThere ? nil : .operationNotSupportedByDevice
    }
}
