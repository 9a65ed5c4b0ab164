/// Transfers of stores that answer later, kept for reuse.
final class TransferPool: KeepsMemory, @unchecked Sendable {
    // @unchecked: `idle` and `made` are guarded by `lock`.
    static let shared = TransferPool()

    private let lock = Lock(rank: .leaf, name: "TransferPool.lock", isShared: true)
    private var idle = Idle<StoreTransfer>()
    private var made = 0
    /// As `RequestPool`.
    private static let kept = 1024
    private static let keptForGood = 16
    private static let madeAtOnce = 64

    private init() { IdleMemory.shared.add(self) }

    /// Nil: there is no memory.
    func take() -> StoreTransfer? {
        let (transfer, asks) = lock.withLock { () -> (StoreTransfer?, Bool) in
            if let transfer = idle.popLast() { return (transfer, false) }
            made &+= 1
            return (nil, made % TransferPool.madeAtOnce == 0)
        }
        if let transfer { return transfer }
        guard !asks || MemoryReserve.allows() else { return nil }
        return StoreTransfer()
    }

    /// For a flush, which is never refused: each device has one at a time.
    func takeAlways() -> StoreTransfer { take() ?? StoreTransfer() }

    func give(_ transfer: StoreTransfer) {
        transfer.letGo()
        let isSurplus = lock.withLock { () -> Bool in
            if idle.count < TransferPool.kept { idle.append(transfer) }
            return idle.count > TransferPool.keptForGood
        }
        if isSurplus { IdleMemory.shared.note() }
    }

    func letGoOfUnneeded() -> Bool {
        let (unneeded, isMore) = lock.withLock { () -> ([StoreTransfer], Bool) in
            let unneeded = idle.takeUnneeded(keeping: TransferPool.keptForGood)
            return (unneeded, idle.count > TransferPool.keptForGood)
        }
        withExtendedLifetime(unneeded) {}
        return isMore
    }
}
