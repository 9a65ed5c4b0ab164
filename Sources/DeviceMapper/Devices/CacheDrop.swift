/// What keeps copies of what was read and written through handles: for a mount, the kernel's page
/// cache.
package protocol PageCache: AnyObject, Sendable {
    /// Writes what was changed through mappings to the device, then forgets all that is cached of
    /// it.
    ///
    /// Waits for every request on a cached page, also one that a suspended device holds. Called on
    /// a thread that may block, with no lock held; so are the others.
    func drop(minor: UInt32, generation: UInt64)

    /// The same for the rest of the device, outside of these ranges of bytes, which are in order.
    func drop(minor: UInt32, generation: UInt64, besides ranges: [Range<UInt64>])

    /// Writes what was changed through mappings to the device. What is cached stays.
    func writeBack(minor: UInt32, generation: UInt64)

    /// Makes known that the device is longer, in bytes: `show` is called when nothing is cached of the
    /// page with the earlier end, and lets openers know. False by it: the earlier end has moved.
    func grow(
        from end: UInt64, to size: UInt64, minor: UInt32, generation: UInt64,
        _ show: () -> Bool)
}

/// One drop, or write-back, of what is cached of a device, on a thread of its own.
///
/// It may take as long as a device below is suspended, and nothing ends it before; so whoever waits
/// for it can give up. It holds the device, and nothing that a request could wait for.
final class CacheDrop: @unchecked Sendable {
    // @unchecked: the flags are guarded by `lock`; who waits looks at the thread.

    /// Guards `isSizeKnown` and `isDone`. Leaf.
    private let lock = Lock(rank: .leaf, name: "CacheDrop.lock")
    private let done = Condition()
    private var isSizeKnown = false
    private var isDone = false

    private static let pollMilliseconds: UInt32 = 5
    /// How long a new size, and the drop of pages without a held read, are waited for while a request is held:
    /// `least` in any case, up to `most` while the drop isn't stuck.
    private static let sizeMilliseconds: (least: UInt32, most: UInt32) = (200, 10_000)
    private let thread = StuckThread()

    /// Nil: nothing can be cached, since nobody ever opened the device. One that is closed now still counts: the
    /// first open drops what is cached, but a second one may come before that is answered.
    ///
    /// `held`: what reads may be held for. Their pages may stay locked for long, so the rest is dropped
    /// first: a drop of all goes page by page, and stops at the first that is locked.
    static func begin(of device: MappedDevice, besides held: [Range<UInt64>] = []) -> CacheDrop? {
        guard let cache = cache(over: device) else {
            device.showSize()
            return nil
        }
        let (minor, generation) = (device.disk.number.minor, device.disk.generation)
        return start { drop in
            if !held.isEmpty { cache.drop(minor: minor, generation: generation, besides: held) }
            showGrowth(of: device, to: cache)
            drop.lock.withLock { drop.isSizeKnown = true }
            cache.drop(minor: minor, generation: generation)
        }
    }

    /// A write-back alone. Nil: nobody has the device open, so nobody has a mapping of it either.
    static func beginWriteBack(of device: MappedDevice) -> CacheDrop? {
        guard let cache = cache(over: device) else { return nil }
        let isOpen = device.registry.reading { _ in
            device.disk.hashCell?.handles.isEmpty == false
        }
        guard isOpen else { return nil }
        return start { _ in
            cache.writeBack(minor: device.disk.number.minor, generation: device.disk.generation)
        }
    }

    private static func start(_ body: @escaping @Sendable (CacheDrop) -> Void) -> CacheDrop {
        let drop = CacheDrop()
        let run: @Sendable () -> Void = {
            drop.thread.begin()
            body(drop)
            drop.lock.withLock {
                drop.isDone = true
                drop.done.broadcast()
            }
        }
        do {
            try Thread.start("dmfuse-cache") { run() }
        } catch {
            // No thread is left: then this one, a client's, waits for it.
            run()
        }
        return drop
    }

    private static func cache(over device: MappedDevice) -> (any PageCache)? {
        guard device.registry.hasPageCache.load(ordering: .acquiring) else { return nil }
        return device.registry.reading { state in
            device.disk.wasOpened ? state.pageCache : nil
        }
    }

    /// Lets openers know of a longer table, once nothing is cached of the page with the earlier end.
    /// The end may move meanwhile, with another swap.
    private static func showGrowth(of device: MappedDevice, to cache: any PageCache) {
        let disk = device.disk
        while true {
            let (end, size) = (disk.visibleSize, disk.capacity)
            guard end < size else { return }
            cache.grow(
                from: end.bytes, to: size.bytes, minor: disk.number.minor,
                generation: disk.generation
            ) { device.showSize(size, after: end) }
        }
    }

    /// EINTR: the drop goes on.
    func wait(_ interrupt: Interrupt?) throws(DMError) {
        try done.wait(lock, interrupt, until: { isDone }, then: {})
    }

    /// Waits until it is done, the caller is interrupted, or `isHeld`, which is asked every now
    /// and then with no lock held.
    func wait(_ interrupt: Interrupt?, unless isHeld: () -> Bool) {
        let soonest = Deadline(millisecondsFromNow: CacheDrop.sizeMilliseconds.least)
        let latest = Deadline(millisecondsFromNow: CacheDrop.sizeMilliseconds.most)
        while interrupt?.isRaised != true {
            let (isOver, isSizeKnown) = lock.withLock { () -> (Bool, Bool) in
                if !isDone {
                    let deadline = Deadline(millisecondsFromNow: CacheDrop.pollMilliseconds)
                    _ = done.wait(lock, until: deadline)
                }
                return (isDone, self.isSizeKnown)
            }
            if isOver { return }
            let isStuck = thread.isStuck() && soonest.hasPassed
            if (isSizeKnown || isStuck || latest.hasPassed) && isHeld() { return }
        }
    }
}

extension DeviceRegistry {
    /// The one page cache over the handles; nil at the end of its life. Takes dm_sem.
    package func attach(_ cache: (any PageCache)?) {
        hasPageCache.store(cache != nil, ordering: .releasing)
        let old = writing { state -> (any PageCache)? in
            defer { state.pageCache = cache }
            return state.pageCache
        }
        // Let go of here: no destructor runs under dm_sem.
        withExtendedLifetime(old) {}
    }

    /// Drops what openers have cached of the old table, and its size. Returns early while a request of an opener
    /// is held, here or below: its page can't be dropped before it ends, and is dropped then. `held`: what reads were held for at the swap.
    func dropCache(
        of device: MappedDevice, besides held: [Range<UInt64>], _ interrupt: Interrupt?
    ) {
        CacheDrop.begin(of: device, besides: held)?
            .wait(interrupt) { self.holdsRequest(of: device) }
    }

    /// Whether a device, or one below it, holds a request of an opener of `top`; of one kind, if wanted.
    func holdsRequest(of top: MappedDevice, only operation: IOOperation? = nil) -> Bool {
        holds(of: top) { operation == nil || $0.withWhole { $0.operation } == operation }
    }

    /// Whether one holds a write that came past the page cache.
    func holdsDirectWrite(of top: MappedDevice) -> Bool {
        holds(of: top) {
            $0.withWhole { $0.operation } == .write
                && $0.handle?._withUnsafeGuaranteedRef { $0.isPastCache } ?? false
        }
    }

    /// The bytes that held reads of openers of `top` are for, in order.
    func heldReads(of top: MappedDevice) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        _ = holds(of: top) { request in
            guard request.withWhole({ $0.operation }) == .read else { return false }
            ranges.append(request.withWhole { $0.firstOffset..<$0.firstOffset + UInt64($0.length) })
            return false
        }
        return ranges.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Whether a device, or one below it, holds a request of an opener of `top` that matches.
    private func holds(of top: MappedDevice, where matches: (IORequest) -> Bool) -> Bool {
        func isWanted(_ request: IORequest) -> Bool {
            let isOfTop =
                request.handle?._withUnsafeGuaranteedRef { $0.device === top } ?? false
            return isOfTop && matches(request)
        }
        return holdTimer.holds(where: isWanted)
            || devicesBelow(top).contains { $0.holds(where: isWanted) }
    }
}
