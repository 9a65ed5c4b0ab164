package import Glibc
package import SystemPackage

/// What a backing device is, however it was named: equal ones are one device, open once for all
/// tables.
package enum DeviceIdentity: Hashable, Sendable {
    /// By its number (`st_rdev`), whichever node leads there.
    case blockDevice(UInt64)
    /// `st_dev` and `st_ino`.
    case file(device: UInt64, inode: UInt64)
    /// Of another opener: a kind that no other one has, and whatever tells its devices apart.
    case other(kind: String, ByteString)
}

/// What an opener is asked for.
package enum DevicePlace {
    /// A word of a table line, before it is looked for in the file system.
    case word(ByteString)
    /// What stands at a path, opened with O_PATH: for the call only.
    case file(FileDescriptor, stat, path: ByteString)

    /// As tables print it with `--paths`: it leads there again.
    package var text: ByteString {
        switch self {
        case .word(let word): word
        case .file(_, _, let path): path
        }
    }
}

/// One way to make a backing device of a word of a table line.
///
/// A registry asks its openers in order: the first that gives an identity opens the device. Any thread, no lock
/// held. Of two calls for one identity only one is under way, its store's `close` included.
package protocol DeviceOpener: Sendable {
    /// Nil: not its own, the next one is asked. It looks at the words and opens nothing.
    func identity(of place: DevicePlace) -> DeviceIdentity?

    /// Opens what nobody has open here; it may wait. EACCES, EROFS, EBUSY, EMFILE and the like: it
    /// can't be had; nothing stays open then.
    func open(_ place: DevicePlace, writable: Bool) throws(DMError) -> OpenedStore

    /// Makes writable what is open for reading, in the same store, whose I/O may be under way:
    /// whether it is. Errors as of `open`: it stays as it was.
    func makeWritable(
        _ opened: OpenedStore, _ place: DevicePlace
    ) throws(DMError) -> Bool
}

/// What an opener has opened. Who has it closes the store.
package struct OpenedStore: Sendable {
    package let store: AnyStore
    /// False where it is write-protected, too: a table may be writable all the same, and its writes
    /// fail.
    package var isWritable: Bool
    /// Of a block device of the host. Nil: it gets one of the backing major, and keeps it for the
    /// life of the mount.
    package let number: DeviceNumber?

    package init(_ store: AnyStore, isWritable: Bool, number: DeviceNumber? = nil) {
        self.store = store
        self.isWritable = isWritable
        self.number = number
    }
}
