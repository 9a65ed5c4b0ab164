import DeviceMapper
import Glibc
import SystemPackage

/// Links and directories that users make in the mount, as udev and lvm make them in /dev: `vg/lv` that
/// leads to a device. They are names and nothing else: kept in memory for as long as the daemon lives,
/// and by no device's coming or going changed.
///
/// Whether somebody may change a directory has been decided by the kernel (`default_permissions`).
final class UserLinks: Sendable {
    /// What all directories of a mount may hold together.
    struct Room: Sendable {
        /// Links and directories.
        var count = Limits.userLinks
        /// Bytes of their names and of where links lead.
        var bytes = Limits.userLinkBytes
    }

    /// Bytes of one name.
    static let longestName = Int(NAME_MAX)

    private struct Item {
        /// The directory that it is in, and its name there.
        var parent: UInt64
        var name: ByteString
        /// Where a link leads; nil: it is a directory.
        let target: ByteString?
        /// What is in a directory.
        var children: [ByteString: UInt64] = [:]
        /// How many of these are directories.
        var directories: UInt = 0
        var owner: Owner?
        /// Permissions.
        var mode: UInt32
        var times: Attributes.Times

        var isDirectory: Bool { target == nil }
        var bytes: Int { name.count + (target?.count ?? 0) }
    }

    /// The root of the mount is a directory here, too. No item has this number.
    private static let root: UInt64 = 0

    private let limits: Room
    private let lock = Lock(rank: .leaf, name: "UserLinks.lock")
    /// By their numbers. Guarded by `lock`, as the next two.
    nonisolated(unsafe) private var items: [UInt64: Item]
    nonisolated(unsafe) private var lastNumber = root
    nonisolated(unsafe) private var bytes = 0

    init(limits: Room = Room(), time: Int64) {
        self.limits = limits
        items = [
            UserLinks.root: Item(
                parent: UserLinks.root, name: .empty, target: nil, mode: 0,
                times: Attributes.Times(all: time))
        ]
    }

    /// Nil: users make nothing there.
    private static func number(of node: NodeNumber) -> UInt64? {
        switch node.kind {
        case .root: root
        case .userItem(let number): number
        default: nil
        }
    }

    private static func kind(_ number: UInt64) -> NodeNumber.Kind {
        number == root ? .root : .userItem(number)
    }

    // MARK: Looking up

    func lookup(_ name: ByteString, in directory: NodeNumber) -> Attributes? {
        guard let parent = UserLinks.number(of: directory) else { return nil }
        return lock.withLock {
            items[parent]?.children[name].flatMap { attributes($0) }
        }
    }

    /// Nil: it was removed, or never was one. Not for the root.
    func attributes(of node: NodeNumber) -> Attributes? {
        guard case .userItem(let number) = node.kind else { return nil }
        return lock.withLock { attributes(number) }
    }

    /// Under `lock`.
    private func attributes(_ number: UInt64) -> Attributes? {
        items[number].map { item in
            Attributes(
                user: UserLinks.kind(number), target: item.target, directories: item.directories,
                mode: item.mode, owner: item.owner, times: item.times)
        }
    }

    /// Where a link leads; nil: it is none, or none any more.
    func target(of node: NodeNumber) -> ByteString? {
        guard case .userItem(let number) = node.kind else { return nil }
        return lock.withLock { items[number]?.target }
    }

    /// Directories that users made in the root.
    var directoriesInRoot: UInt { lock.withLock { items[UserLinks.root]?.directories ?? 0 } }

    /// What users made in a directory, by rising cookies, without "." and ".."; nil: it is none.
    func entries(of directory: NodeNumber) -> [DirectoryEntry]? {
        guard let number = UserLinks.number(of: directory) else { return nil }
        let found = lock.withLock { () -> [DirectoryEntry]? in
            guard let item = items[number], item.isDirectory else { return nil }
            return item.children.map { name, child in
                DirectoryEntry(
                    cookie: DirectoryEntry.cookie(userItem: child), name: name,
                    node: NodeNumber(UserLinks.kind(child)),
                    type: items[child]?.isDirectory == true ? S_IFDIR : S_IFLNK)
            }
        }
        return found?.sorted { $0.cookie < $1.cookie }
    }

    /// The directory that one is in; nil: it is gone.
    func parent(of node: NodeNumber) -> NodeNumber.Kind? {
        guard case .userItem(let number) = node.kind else { return nil }
        return lock.withLock { items[number].map { UserLinks.kind($0.parent) } }
    }

    // MARK: Changing

    /// Makes a link that leads to `target`, or a directory where that is nil. `mode`: permissions of a
    /// directory.
    ///
    /// EPERM: users make nothing in `directory`; ENOENT: it is gone; EEXIST; ENAMETOOLONG; ENOSPC: there
    /// are as many as there may be; ENOMEM.
    func make(
        _ name: ByteString, in directory: NodeNumber, target: ByteString?, mode: UInt32,
        owner: Owner
    ) -> Result<Attributes, Errno> {
        guard let parent = UserLinks.number(of: directory) else { return .failure(.notPermitted) }
        guard name.count <= UserLinks.longestName else { return .failure(.fileNameTooLong) }
        guard MemoryReserve.allows() else { return .failure(.noMemory) }
        let now = RealTime.now
        let item = Item(
            parent: parent, name: name, target: target, owner: owner, mode: mode & 0o7777,
            times: Attributes.Times(all: now))
        return lock.withLock {
            guard items[parent]?.isDirectory == true else {
                return .failure(.noSuchFileOrDirectory)
            }
            guard items[parent]?.children[name] == nil else { return .failure(.fileExists) }
            guard items.count <= limits.count, bytes + item.bytes <= limits.bytes else {
                return .failure(.noSpace)
            }
            lastNumber = NodeNumber.nextUserItem(after: lastNumber)
            items[lastNumber] = item
            bytes += item.bytes
            enter(lastNumber, now)
            guard let made = attributes(lastNumber) else {
                preconditionFailure("a link that was just made isn't there")
            }
            return .success(made)
        }
    }

    /// Removes a link, or an empty directory. EPERM: none that a user made; ENOENT; ENOTDIR, EISDIR;
    /// ENOTEMPTY.
    func remove(
        _ name: ByteString, in directory: NodeNumber, isDirectory: Bool
    ) -> Errno? {
        guard let parent = UserLinks.number(of: directory) else { return .notPermitted }
        return lock.withLock {
            guard let number = items[parent]?.children[name], let item = items[number] else {
                return .noSuchFileOrDirectory
            }
            if let error = UserLinks.refusal(removing: item, asDirectory: isDirectory) {
                return error
            }
            leave(number, RealTime.now)
            items[number] = nil
            bytes -= item.bytes
            return nil
        }
    }

    private static func refusal(removing item: Item, asDirectory: Bool) -> Errno? {
        guard item.isDirectory == asDirectory else {
            return asDirectory ? .notDirectory : .isDirectory
        }
        return item.children.isEmpty ? nil : .directoryNotEmpty
    }

    /// Renames one, over what stands there unless it `keeps` that. EPERM: none that a user made, or
    /// nothing is made there; ENOENT; EEXIST; ENOTDIR, EISDIR, ENOTEMPTY of what stands there; EINVAL: a
    /// directory into itself; ENAMETOOLONG; ENOSPC.
    func rename(
        _ name: ByteString, in directory: NodeNumber, to newName: ByteString,
        in newDirectory: NodeNumber, keeps: Bool
    ) -> Errno? {
        guard let parent = UserLinks.number(of: directory),
            let newParent = UserLinks.number(of: newDirectory)
        else { return .notPermitted }
        guard newName.count <= UserLinks.longestName else { return .fileNameTooLong }
        return lock.withLock {
            guard let number = items[parent]?.children[name], let item = items[number],
                items[newParent]?.isDirectory == true
            else { return .noSuchFileOrDirectory }
            let replaced = items[newParent]?.children[newName]
            if replaced == number { return nil }
            if isInside(newParent, number) { return .invalidArgument }
            if let replaced, let other = items[replaced] {
                if keeps { return .fileExists }
                let error = UserLinks.refusal(removing: other, asDirectory: item.isDirectory)
                if let error { return error }
            }
            let freed = replaced.flatMap { items[$0]?.bytes } ?? 0
            let change = newName.count - name.count - freed
            guard change <= 0 || bytes + change <= limits.bytes else { return .noSpace }
            let now = RealTime.now
            if let replaced {
                leave(replaced, now)
                items[replaced] = nil
            }
            leave(number, now)
            items[number]?.parent = newParent
            items[number]?.name = newName
            items[number]?.times.change = now
            bytes += change
            enter(number, now)
            return nil
        }
    }

    /// Whether a directory is `other`, or in it. Under `lock`.
    private func isInside(_ directory: UInt64, _ other: UInt64) -> Bool {
        var directory = directory
        while directory != UserLinks.root {
            if directory == other { return true }
            directory = items[directory]?.parent ?? UserLinks.root
        }
        return false
    }

    /// Puts an item into the directory that it names. Under `lock`.
    private func enter(_ number: UInt64, _ now: Int64) {
        guard let item = items[number] else { return }
        items[item.parent]?.children[item.name] = number
        if item.isDirectory { items[item.parent]?.directories += 1 }
        touch(item.parent, now)
    }

    /// Takes it out again. Under `lock`.
    private func leave(_ number: UInt64, _ now: Int64) {
        guard let item = items[number] else { return }
        items[item.parent]?.children[item.name] = nil
        if item.isDirectory { items[item.parent]?.directories -= 1 }
        touch(item.parent, now)
    }

    private func touch(_ directory: UInt64, _ now: Int64) {
        items[directory]?.times.modification = now
        items[directory]?.times.change = now
    }

    /// Sets mode, owner or times.
    func change(_ node: NodeNumber, _ status: stat, _ wanted: Int32, over treeOwner: Owner) {
        guard case .userItem(let number) = node.kind else { return }
        let now = RealTime.now
        lock.withLock {
            guard var item = items[number] else { return }
            var settings = NodeSettings(mode: item.mode, owner: item.owner)
            settings.apply(status, wanted, over: treeOwner, now: now)
            item.mode = settings.mode ?? item.mode
            item.owner = settings.owner
            item.times.access = settings.access ?? item.times.access
            item.times.modification = settings.modification?.time ?? item.times.modification
            item.times.change = now
            items[number] = item
        }
    }
}
