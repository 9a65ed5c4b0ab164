/// What keeps copies of what was read and written through handles: for a mount, the kernel's page
/// cache.
package protocol PageCache: AnyObject, Sendable {
    /// Writes what was changed through mappings to the device, then forgets all that is cached of
    /// it.
    ///
    /// Waits for every request on a cached page, also one that a suspended device holds. Called on
    /// a thread that may block, with no lock held.
    ///
    /// `grown`: the device became longer, and is that long now, in bytes; nil: it did not. Then what
    /// was cached goes first, that is made known, and what was cached meanwhile goes.
    func drop(minor: UInt32, generation: UInt64, grown: UInt64?)
}

/// One drop of what is cached of a device, on a thread of its own.
///
/// It may take as long as a device below is suspended, and nothing ends it before; so whoever waits
/// for it can give up. It holds the device, and nothing that a request could wait for.
final class CacheDrop: @unchecked Sendable {
    // @unchecked: `isDone` is guarded by `lock`.

    /// Guards `isDone`. Leaf.
    private let lock = Lock(rank: .leaf, name: "CacheDrop.lock")
    private let done = Condition()
    private var isDone = false

    private static let pollMilliseconds: UInt32 = 5

    /// Nil: nobody ever had the device open, and nothing is cached of it. Where nobody has it open
    /// now, what is cached goes with the first open; but a second open may come before the first
    /// one's answer.
    static func begin(of device: MappedDevice, grown: UInt64? = nil) -> CacheDrop? {
        guard device.registry.hasPageCache.load(ordering: .acquiring) else { return nil }
        let cache = device.registry.reading { state in
            device.disk.wasOpened ? state.pageCache : nil
        }
        guard let cache else { return nil }
        let drop = CacheDrop()
        let run: @Sendable () -> Void = {
            cache.drop(
                minor: device.disk.number.minor, generation: device.disk.generation, grown: grown)
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

    /// EINTR: the drop goes on.
    func wait(_ interrupt: Interrupt?) throws(DMError) {
        try done.wait(lock, interrupt, until: { isDone }, then: {})
    }

    /// Waits until it is done, the caller is interrupted, or `isStuck`, which is asked every now
    /// and then with no lock held.
    func wait(_ interrupt: Interrupt?, unless isStuck: () -> Bool) {
        while interrupt?.isRaised != true, !isStuck() {
            let isOver = lock.withLock { () -> Bool in
                if !isDone {
                    let deadline = Deadline(millisecondsFromNow: CacheDrop.pollMilliseconds)
                    _ = done.wait(lock, until: deadline)
                }
                return isDone
            }
            if isOver { return }
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

    /// Lets no opener see a byte of the table that was replaced, or the size that it had. Returns
    /// early while a request of an opener is held, here or below: the page that it is for can't be
    /// dropped before it ends, and then it is.
    func dropCache(of device: MappedDevice, earlierSize: Sectors, _ interrupt: Interrupt?) {
        let size = device.disk.capacity
        let drop = CacheDrop.begin(of: device, grown: size > earlierSize ? size.bytes : nil)
        drop?.wait(interrupt) { self.holdsRequest(of: device) }
    }

    /// Whether a device, or one below it, holds a request of an opener of `top`.
    private func holdsRequest(of top: MappedDevice) -> Bool {
        let isOfTop: (IORequest) -> Bool = { request in
            request.handle?._withUnsafeGuaranteedRef { $0.device === top } ?? false
        }
        return holdTimer.holds(where: isOfTop)
            || devicesBelow(top).contains { $0.disk.queue.holds(where: isOfTop) }
    }
}
