/// Parts of requests, kept for reuse so that splitting allocates nothing in steady state.
final class RequestPool: @unchecked Sendable {
    // @unchecked: `idle` is guarded by `lock`.
    static let shared = RequestPool()

    private let lock = Lock(rank: .leaf, name: "RequestPool.lock", isShared: true)
    private var idle: [IORequest] = []
    private static let kept = 1024
    /// Parts that were made. Guarded by `lock`.
    private var made = 0
    /// So many are made before it is asked again whether there is memory: well within the reserve.
    private static let madeAtOnce = 64

    private init() {}

    /// A part of `request`. Nil: there is no memory. A flush of our own is never refused.
    func take(for request: IORequest) -> IORequest? {
        let (part, asks) = lock.withLock { () -> (IORequest?, Bool) in
            if let part = idle.popLast() { return (part, false) }
            made &+= 1
            return (nil, made % RequestPool.madeAtOnce == 0)
        }
        if let part { return part }
        guard !asks || request.bypassesSuspension || MemoryReserve.allows() else { return nil }
        return IORequest()
    }

    func give(_ part: IORequest) {
        part.clearForPool()
        lock.withLock {
            if idle.count < RequestPool.kept { idle.append(part) }
        }
    }
}
