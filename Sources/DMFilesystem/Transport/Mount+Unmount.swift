import CFuse
package import DeviceMapper
import Glibc
import SystemPackage

extension Mount {
    /// Takes the mount out of the tree, and wherever else it was bound. From here on the kernel lets
    /// nobody in. False: it was out of it already (`umount -l`), and only those who have a file of it
    /// open still use it.
    ///
    /// What is unmounted is this mount, whatever stands at its directory now: one that was moved, or
    /// whose path was renamed, is found where it is. One that another covers can't be unmounted: EBUSY,
    /// and it stays below.
    ///
    /// Without `detach` it fails with EBUSY, and no message, when a file is open or a directory is
    /// somebody's working directory; else the connection has ended when this returns, and with it the
    /// session. With `detach` files stay open until the session has ended. Asks the file system: the
    /// session must be serving or have ended, and this not be one of its threads.
    @discardableResult
    package func unmount(detach: Bool) throws(DMError) -> Bool {
        // Before anything is changed.
        if !detach, let covered = try coveredPlace() { throw covered }
        var hindrance: DMError?
        var looked: Set<UInt32> = []
        // The newest first: what was bound elsewhere goes before the mount itself.
        while let entry = try next(besides: looked) {
            looked.insert(entry.id)
            do throws(DMError) {
                try unmount(entry, detach: detach)
            } catch {
                // Its end came in between, and that number may be another's.
                if error.errno.rawValue == ESTALE, !isConnected { continue }
                let reason = explain(error, entry)
                if !detach { throw reason }
                hindrance = hindrance ?? reason
            }
        }
        if hindrance == nil || hindrance?.errno == .resourceBusy { releaseKeeper() }
        if let hindrance { throw hindrance }
        return !looked.isEmpty
    }

    private func next(besides looked: Set<UInt32>) throws(DMError) -> MountEntry? {
        let entries = try MountTable.read()
        // After the table was read: as long as it is connected, that number is ours.
        guard isConnected || uniqueMount != 0 else { return nil }
        return entries.last { $0.number == number && !looked.contains($0.id) }
    }

    private func unmount(_ entry: MountEntry, detach: Bool) throws(DMError) {
        guard let here = place.place, here.mount == 0 || here.mount == UInt64(entry.id) else {
            guard isConnected else { throw DMError(Errno(rawValue: ESTALE)) }
            return try HeldDirectory.unmount(
                UInt64(entry.id), at: entry.directory, detach: detach)
        }
        guard here.device == device, here.unique_mount == uniqueMount || uniqueMount == 0,
            uniqueMount != 0 || isConnected
        else { throw DMError(Errno(rawValue: ESTALE)) }
        try place.unmount(here, path: entry.directory, detach: detach)
    }

    private func coveredPlace() throws(DMError) -> DMError? {
        let entries = try MountTable.read()
        guard isConnected else { return nil }
        for entry in entries where entry.number == number {
            if let above = Mount.cover(of: entry, entries) { return above }
        }
        return nil
    }

    /// EBUSY, if another mount lies on a mount.
    private static func cover(of entry: MountEntry, _ entries: [MountEntry]) -> DMError? {
        let above = entries.last { $0.parent == entry.id && $0.directory == entry.directory }
        return above.map {
            DMError(
                .resourceBusy,
                "\($0.fileSystemType.string) is mounted over it at \(entry.directory.string)")
        }
    }

    /// What covers it, where it is not the topmost; no words of the kernel's or the helper's for one that
    /// is in use.
    private func explain(_ error: DMError, _ entry: MountEntry) -> DMError {
        guard error.errno.rawValue == ESTALE || error.errno == .resourceBusy else { return error }
        if let entries = try? MountTable.read(), let above = Mount.cover(of: entry, entries) {
            return above
        }
        guard error.errno.rawValue == ESTALE else { return DMError(.resourceBusy) }
        return DMError(
            .resourceBusy, "something else stands at \(entry.directory.string), and hides it")
    }
}
