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
/// listed again for each bufferful. Positions mean the same without it, so where too much is kept it is
/// listed again.
final class DirectoryStream: @unchecked Sendable {
    // @unchecked: `entries` and `kept` are guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "DirectoryStream.lock")
    private let memory: KeptMemory
    private var entries: [DirectoryEntry]?
    /// Bytes that were taken of `memory` for them.
    private var kept = 0

    init(_ memory: KeptMemory) { self.memory = memory }

    deinit { memory.give(kept) }

    /// The entries after a position; 0 is the beginning, where the list is made anew by `list`.
    func entries(
        after position: Int, _ list: () -> [DirectoryEntry]?
    ) -> ArraySlice<DirectoryEntry>? {
        var known = position == 0 ? nil : lock.withLock { entries }
        if known == nil {
            known = list()
            keep(known)
        }
        guard let known else { return nil }
        return known[DirectoryStream.index(after: position, in: known)...]
    }

    private func keep(_ list: [DirectoryEntry]?) {
        var bytes = list.map(DirectoryStream.bytes) ?? 0
        let isKept = memory.take(bytes)
        if !isKept { bytes = 0 }
        let given = lock.withLock { () -> Int in
            entries = isKept ? list : nil
            defer { kept = bytes }
            return kept
        }
        memory.give(given)
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
