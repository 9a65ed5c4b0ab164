import DeviceMapper
import Glibc

/// One name in a directory.
struct DirectoryEntry: Hashable, Sendable {
    /// Its position: a reader that has seen this goes on after it. Fixed by the minor, whatever comes
    /// and goes before it, so that no reader sees a device twice or misses one that stays.
    let cookie: Int
    let name: ByteString
    let node: NodeNumber
    /// S_IFDIR and the like.
    let type: UInt32

    static let firstChild: Int = 3

    /// Behind what else a directory of devices has: at most `mostOthers`.
    static func cookie(minor: UInt32) -> Int { firstChild + mostOthers + Int(minor) }
    static let mostOthers = 5

    /// Of a device that isn't ours: behind ours.
    static func cookie(_ number: DeviceNumber) -> Int {
        cookie(minor: 1 << 20) + (Int(number.major) << 20 | Int(number.minor))
    }

    /// Of what a user made: behind all devices of ours, in the order in which it was made.
    static func cookie(userItem number: UInt64) -> Int { cookie(minor: 1 << 20) + Int(number) }

    static func dots(
        self directory: NodeNumber.Kind, parent: NodeNumber.Kind
    ) -> [DirectoryEntry] {
        [
            DirectoryEntry(
                cookie: 1, name: ByteString("."), node: NodeNumber(directory), type: S_IFDIR),
            DirectoryEntry(
                cookie: 2, name: ByteString(".."), node: NodeNumber(parent), type: S_IFDIR),
        ]
    }
}

/// An open directory: the list as it was when reading began, so that ten thousand devices are not
/// listed again for each bufferful. Positions mean the same without it, so when it was let go, since too
/// much is kept, it is listed again.
final class DirectoryStream: Sendable {
    private let memory: KeptMemory
    private let place = KeptMemory.Place()

    init(_ memory: KeptMemory) { self.memory = memory }

    deinit { memory.letGo(place) }

    /// The entries after a position; 0 is the beginning, where the list is made anew by `list`.
    func entries(
        after position: Int, _ list: () -> [DirectoryEntry]?
    ) -> ArraySlice<DirectoryEntry>? {
        let known = position == 0 ? nil : memory.kept(at: place, as: [DirectoryEntry].self)
        guard let entries = known ?? list() else {
            memory.letGo(place)
            return nil
        }
        if known == nil {
            memory.keep(entries, bytes: DirectoryStream.bytes(of: entries), at: place)
        }
        return entries[DirectoryStream.index(after: position, in: entries)...]
    }

    /// With what a name takes beside its bytes.
    private static func bytes(of entries: [DirectoryEntry]) -> Int {
        let head = MemoryLayout<DirectoryEntry>.stride + 48
        return entries.reduce(0) { $0 + head + $1.name.count }
    }

    /// Binary search: the first entry with a cookie above `position`.
    static func index(after position: Int, in entries: [DirectoryEntry]) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].cookie <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
