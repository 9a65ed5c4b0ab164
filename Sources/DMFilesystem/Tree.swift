import DeviceMapper
import Glibc

/// The nodes of the mount, made up afresh from the registry for each question:
/// ```
/// dm-N            a device
/// mapper/NAME     a link to ../dm-N
/// mapper/control  a link to the daemon's socket
/// block, proc     what sysfs and /proc would have (`BlockTree`)
/// ```
/// Nothing is remembered of what the kernel looked up, so its counts of lookups are of no interest,
/// and a daemon that takes over knows as much, but for the modes, owners and times that were set.
/// Takes dm_sem for reading, briefly.
final class Tree: Sendable {
    let owner: Owner
    let block: BlockTree
    private let registry: DeviceRegistry
    private let controlSocket: ByteString
    private let settings = NodeSettingsTable()
    /// When it was mounted.
    private let time: Int64

    private static let mapper = ByteString("mapper")
    private static let control = ByteString("control")
    private static let devicePrefix = ByteString("dm-")

    /// `mountNumber`: of the mount that it is shown by.
    init(
        registry: DeviceRegistry, owner: Owner, controlSocket: ByteString,
        mountNumber: DeviceNumber? = nil
    ) {
        self.registry = registry
        self.owner = owner
        self.controlSocket = controlSocket
        time = RealTime.now
        block = BlockTree(
            registry: registry, readAhead: ReadAhead(mountNumber), mountTime: time)
    }

    // MARK: Looking up

    /// What a directory has under a name; nil: nothing.
    func lookup(_ name: ByteString, in directory: NodeNumber) -> Attributes? {
        switch directory.kind {
        case .root:
            if name == Tree.mapper { return attributes(of: NodeNumber(.mapperDirectory)) }
            if let found = BlockTree.directory(name) { return attributes(of: NodeNumber(found)) }
            return Tree.minor(ofDeviceFile: name).flatMap { registry.disk(minor: $0) }
                .map(deviceAttributes)
        case .mapperDirectory:
            if name == Tree.control { return attributes(of: NodeNumber(.controlLink)) }
            return registry.disk(named: name).map(linkAttributes)
        default:
            return block.lookup(name, in: directory)
        }
    }

    /// Nil: the device is gone, or there never was such a node.
    func attributes(of node: NodeNumber) -> Attributes? {
        switch node.kind {
        case .root:
            Attributes(directory: .root, children: 3, time: time)
        case .mapperDirectory:
            Attributes(directory: .mapperDirectory, children: 0, time: time)
        case .controlLink:
            Attributes(link: .controlLink, target: controlSocket, time: time)
        case .device(let minor, let generation):
            registry.disk(minor: minor, generation: generation).map(deviceAttributes)
        case .link(let minor, let generation):
            registry.disk(minor: minor, generation: generation).map(linkAttributes)
        default:
            block.attributes(of: node)
        }
    }

    private func deviceAttributes(_ disk: DiskInfo) -> Attributes {
        let plain = Attributes(device: disk)
        guard let settings = settings.settings(of: plain.node) else { return plain }
        return Attributes(device: disk, settings)
    }

    /// Sets mode, owner or times of a device's file, for as long as there is the device.
    func change(_ node: NodeNumber, _ status: stat, _ wanted: Int32) {
        settings.change(node, isThere: { attributes(of: $0) != nil }) {
            $0.apply(status, wanted, over: owner, now: RealTime.now)
        }
    }

    /// Where a link leads; nil: it is no link, or its device is gone.
    func target(of node: NodeNumber) -> ByteString? {
        switch node.kind {
        case .controlLink:
            controlSocket
        case .link(let minor, let generation):
            registry.disk(minor: minor, generation: generation).map {
                Tree.linkTarget($0.number.minor)
            }
        default:
            block.target(of: node)
        }
    }

    private func linkAttributes(_ disk: DiskInfo) -> Attributes {
        Attributes(
            link: .link(minor: disk.number.minor, generation: disk.generation),
            target: Tree.linkTarget(disk.number.minor), time: disk.creationTime)
    }

    // MARK: Names

    /// A link's name is its device's: what libdevmapper mangles, it mangles before it creates the
    /// device, and its node is then called so.
    static let longestName = 127

    static func deviceFile(_ minor: UInt32) -> ByteString { ByteString("dm-\(minor)") }
    private static func linkTarget(_ minor: UInt32) -> ByteString {
        ByteString("../dm-\(minor)")
    }

    /// "dm-7" is 7; "dm-07", "dm-+7" and what is beyond 32 bits are nothing.
    static func minor(ofDeviceFile name: ByteString) -> UInt32? {
        guard name.hasPrefix(devicePrefix),
            let minor: UInt32 = Digits.number(name.bytes.dropFirst(devicePrefix.count)),
            deviceFile(minor) == name
        else { return nil }
        return minor
    }

    // MARK: Listing

    /// A directory's entries, in the order of their cookies; nil: it is no directory.
    func entries(of directory: NodeNumber) -> [DirectoryEntry]? {
        switch directory.kind {
        case .root:
            let directories = [(Tree.mapper, .mapperDirectory)] + BlockTree.directories
            return DirectoryEntry.dots(self: .root, parent: .root)
                + directories.enumerated().map { index, directory in
                    DirectoryEntry(
                        cookie: DirectoryEntry.firstChild + index, name: directory.0,
                        node: NodeNumber(directory.1), type: S_IFDIR)
                }
                + registry.disks().map { disk in
                    DirectoryEntry(
                        cookie: DirectoryEntry.cookie(minor: disk.number.minor),
                        name: Tree.deviceFile(disk.number.minor),
                        node: Attributes(device: disk).node, type: S_IFREG)
                }
        case .mapperDirectory:
            let control = DirectoryEntry(
                cookie: DirectoryEntry.firstChild, name: Tree.control,
                node: NodeNumber(.controlLink), type: S_IFLNK)
            return DirectoryEntry.dots(self: .mapperDirectory, parent: .root) + [control]
                + registry.disks().map(linkEntry)
        default:
            return block.entries(of: directory)
        }
    }

    private func linkEntry(_ disk: DiskInfo) -> DirectoryEntry {
        return DirectoryEntry(
            cookie: DirectoryEntry.cookie(minor: disk.number.minor), name: disk.name,
            node: linkAttributes(disk).node, type: S_IFLNK)
    }
}
