import DeviceMapper
import Glibc

/// The nodes of the mount, made up afresh from the registry for each question:
/// ```
/// dm-N            a device
/// mapper/NAME     a link to ../dm-N
/// mapper/control  a link to the daemon's socket
/// block, proc     what sysfs and /proc would have (`BlockTree`)
/// ...             links and directories that users made (`UserLinks`)
/// ```
/// Nothing is remembered of what the kernel looked up, so its counts of lookups are of no interest,
/// and a daemon that takes over knows as much, but for the modes, owners and times that were set, and
/// what users made.
/// Takes dm_sem for reading, briefly.
final class Tree: Sendable {
    let owner: Owner
    let block: BlockTree
    let links: UserLinks
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
        links = UserLinks(time: time)
    }

    // MARK: Looking up

    /// What a directory has under a name; nil: nothing.
    func lookup(_ name: ByteString, in directory: NodeNumber) -> Attributes? {
        switch directory.kind {
        case .root:
            if name == Tree.mapper { return attributes(of: NodeNumber(.mapperDirectory)) }
            if let found = BlockTree.directory(name) { return attributes(of: NodeNumber(found)) }
            guard let minor = Tree.minor(ofDeviceFile: name) else {
                return links.lookup(name, in: directory)
            }
            return registry.disk(minor: minor).map(deviceAttributes)
        case .userItem:
            return links.lookup(name, in: directory)
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
            Attributes(directory: .root, children: 3 + links.directoriesInRoot, time: time)
        case .userItem:
            links.attributes(of: node)
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

    /// Whether a name in a directory is none that users can make, as it is a device's or our own.
    func isReserved(_ name: ByteString, in directory: NodeNumber) -> Bool {
        switch directory.kind {
        case .root:
            name == Tree.mapper || BlockTree.directory(name) != nil
                || Tree.minor(ofDeviceFile: name) != nil
        case .userItem: false
        default: true
        }
    }

    /// Sets mode, owner or times of a device's file, for as long as there is the device, or of what a
    /// user made.
    func change(_ node: NodeNumber, _ status: stat, _ wanted: Int32) {
        if case .userItem = node.kind {
            return links.change(node, status, wanted, over: owner)
        }
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
        case .userItem:
            links.target(of: node)
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
                + (links.entries(of: directory) ?? [])
        case .userItem:
            guard let entries = links.entries(of: directory),
                let kind = directory.kind, let parent = links.parent(of: directory)
            else { return nil }
            return DirectoryEntry.dots(self: kind, parent: parent) + entries
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
