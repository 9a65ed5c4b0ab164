import Glibc
import Synchronization
import SystemPackage

/// A stretch of a file, mapped to be read by the kernel on its way to a client. Nothing in this
/// process touches the memory: the file may be cut short at any moment, and a system call then
/// fails with EFAULT where a load would end the process.
final class FileWindow: Sendable {
    fileprivate struct Key: Hashable {
        let store: ObjectIdentifier
        let index: UInt64
    }

    nonisolated(unsafe) let memory: UnsafeRawPointer
    fileprivate let key: Key
    /// Raised under `FileWindows.lock`, lowered without it.
    private let users = Atomic<Int>(0)
    fileprivate let lastUse = Atomic<UInt64>(0)

    fileprivate init?(_ file: FileDescriptor, _ key: Key) {
        let address = mmap(
            nil, Int(Limits.fileWindowBytes), PROT_READ, MAP_SHARED, file.rawValue,
            off_t(key.index * Limits.fileWindowBytes))
        guard let address, address != UnsafeMutableRawPointer(bitPattern: -1) else { return nil }
        memory = UnsafeRawPointer(address)
        self.key = key
    }

    deinit {
        precondition(!isUsed, "a window was unmapped while bytes of it were lent")
        munmap(UnsafeMutableRawPointer(mutating: memory), Int(Limits.fileWindowBytes))
    }

    fileprivate var isUsed: Bool { users.load(ordering: .acquiring) > 0 }
    fileprivate func use() { users.add(1, ordering: .acquiring) }
    func release() { users.subtract(1, ordering: .releasing) }
}

/// The windows of all backing files: so many at most, the least used one making room. What is mapped
/// and was looked at counts as this process's memory, so a window that nobody used for some seconds
/// is unmapped.
final class FileWindows: KeepsMemory, @unchecked Sendable {
    // @unchecked: guarded by `lock`.
    static let shared = FileWindows()

    /// 16 GiB of addresses and 32 MiB of page tables, or a quarter of the addresses that we may have.
    private static let maximum: Int = {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else {
            return Limits.fileWindows
        }
        return Int(
            min(UInt64(limit.rlim_cur) / 4 / Limits.fileWindowBytes, UInt64(Limits.fileWindows)))
    }()

    /// Guards the fields below. Leaf: nothing is mapped or unmapped under it.
    private let lock = Lock(rank: .leaf, name: "FileWindows.lock", isShared: true)
    private var windows: [FileWindow.Key: FileWindow] = [:]
    private var clock: UInt64 = 0
    /// `clock` when the idle ones were unmapped last.
    private var lastLook: UInt64 = 0

    private init() { IdleMemory.shared.add(self) }

    /// The window of a store's file that byte `offset` is in, to be released after use; the store
    /// must not be forgotten before. Nil: it can't be mapped.
    func take(
        _ store: FileStore, _ file: FileDescriptor, at offset: UInt64
    ) -> Unmanaged<FileWindow>? {
        let key = FileWindow.Key(
            store: ObjectIdentifier(store), index: offset / Limits.fileWindowBytes)
        if let found = lock.withLock({ use(windows[key]) }) { return found }
        guard FileWindows.maximum > 0, MemoryReserve.allows(Int(Limits.fileWindowBytes)),
            let fresh = FileWindow(file, key)
        else { return nil }
        let (window, removed) = lock.withLock { add(fresh) }
        // Unmapped here: the one that made room, or ours, when another thread was faster.
        withExtendedLifetime((fresh, removed)) {}
        IdleMemory.shared.note()
        return window
    }

    /// Under `lock`. The window to use, and one that it took the place of.
    private func add(_ fresh: FileWindow) -> (Unmanaged<FileWindow>?, FileWindow?) {
        if let found = use(windows[fresh.key]) { return (found, nil) }
        var removed: FileWindow?
        if windows.count >= FileWindows.maximum {
            guard let oldest = leastUsed else { return (nil, nil) }
            removed = windows.removeValue(forKey: oldest.key)
        }
        windows[fresh.key] = fresh
        return (use(fresh), removed)
    }

    /// Under `lock`.
    private func use(_ window: FileWindow?) -> Unmanaged<FileWindow>? {
        guard let window else { return nil }
        clock += 1
        window.lastUse.store(clock, ordering: .relaxed)
        window.use()
        return Unmanaged.passUnretained(window)
    }

    /// Under `lock`. Nil: all are in use.
    private var leastUsed: FileWindow? {
        windows.values.filter { !$0.isUsed }.min {
            $0.lastUse.load(ordering: .relaxed) < $1.lastUse.load(ordering: .relaxed)
        }
    }

    /// Unmaps a store's windows. None of them is in use.
    func forget(_ store: FileStore) {
        let key = ObjectIdentifier(store)
        let gone = lock.withLock { () -> [FileWindow] in
            let gone = windows.values.filter { $0.key.store == key }
            for window in gone { windows[window.key] = nil }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    func letGoOfUnneeded() -> Bool {
        let (idle, isMore) = lock.withLock { () -> ([FileWindow], Bool) in
            let idle = windows.values.filter {
                !$0.isUsed && $0.lastUse.load(ordering: .relaxed) <= lastLook
            }
            for window in idle { windows[window.key] = nil }
            lastLook = clock
            return (idle, !windows.isEmpty)
        }
        withExtendedLifetime(idle) {}
        return isMore
    }

    /// For tests: windows that stand.
    var count: Int { lock.withLock { windows.count } }
}
