/// Parts of requests, kept for reuse so that splitting allocates nothing in steady state.
final class RequestPool: @unchecked Sendable {
    // @unchecked: `idle` is guarded by `lock`.
    static let shared = RequestPool()

    private let lock = Lock(rank: .leaf, name: "RequestPool.lock", isShared: true)
    private var idle: [IORequest] = []
    private static let kept = 1024

    private init() {}

    func take() -> IORequest { lock.withLock { idle.popLast() } ?? IORequest() }

    func give(_ part: IORequest) {
        part.clearForPool()
        lock.withLock {
            if idle.count < RequestPool.kept { idle.append(part) }
        }
    }
}
