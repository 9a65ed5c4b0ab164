import Synchronization

/// Parts of requests, kept for reuse so that splitting allocates nothing in steady state.
final class RequestPool: KeepsMemory, @unchecked Sendable {
    // @unchecked: `idle` and `made` are guarded by `lock`.
    static let shared = RequestPool()

    private let lock = Lock(rank: .leaf, name: "RequestPool.lock", isShared: true)
    private var idle = Idle<IORequest>()
    /// Beyond these, idle parts are freed at once; and up to the second they stay.
    private static let kept = 1024
    private static let keptForGood = 16
    /// Parts that were made. Guarded by `lock`.
    private var made = 0
    /// So many are made before it is asked again whether there is memory: well within the reserve.
    private static let madeAtOnce = 64

    /// Parts that are in use. Changed under `lock`.
    private let used = Atomic<Int>(0)

    private init() { IdleMemory.shared.add(self) }

    /// Whether who has parts under way should wait for these before it makes more.
    var isCrowded: Bool { used.load(ordering: .relaxed) >= Limits.parts }

    /// A part of `request`. Nil: there is no memory. A flush of our own is never refused.
    func take(for request: IORequest) -> IORequest? {
        let (part, asks) = lock.withLock { () -> (IORequest?, Bool) in
            changeUsed(by: 1)
            if let part = idle.popLast() { return (part, false) }
            made &+= 1
            return (nil, made % RequestPool.madeAtOnce == 0)
        }
        if let part { return part }
        guard !asks || request.bypassesSuspension || MemoryReserve.allows() else {
            lock.withLock { changeUsed(by: -1) }
            return nil
        }
        return IORequest()
    }

    func give(_ part: IORequest) {
        part.clearForPool()
        let isSurplus = lock.withLock { () -> Bool in
            changeUsed(by: -1)
            if idle.count < RequestPool.kept { idle.append(part) }
            return idle.count > RequestPool.keptForGood
        }
        if isSurplus { IdleMemory.shared.note() }
    }

    /// Under `lock`, which makes it one step.
    private func changeUsed(by change: Int) {
        used.store(used.load(ordering: .relaxed) + change, ordering: .relaxed)
    }

    func letGoOfUnneeded() -> Bool {
        let (unneeded, isMore) = lock.withLock { () -> ([IORequest], Bool) in
            let unneeded = idle.takeUnneeded(keeping: RequestPool.keptForGood)
            return (unneeded, idle.count > RequestPool.keptForGood)
        }
        withExtendedLifetime(unneeded) {}
        return isMore
    }
}
