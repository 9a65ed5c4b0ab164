package import DeviceMapper
package import SystemPackage

/// A store in memory that answers later: on a thread of its own, in an order that a seed decides,
/// or when told.
package final class LateStore: AsynchronousStore, @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// When it answers.
    package enum Order: Sendable {
        case seeded(UInt64)
        /// By `answer`, and from `letGo` on within `begin`.
        case whenTold
    }

    /// Where the bytes are, what fails, and what was called.
    package let memory: MemoryStore
    package let forcesUnitAccess: Bool

    private let lock = Lock(rank: .leaf, name: "LateStore.lock")
    private var pending: [StoreTransfer] = []
    private var generator = SeededGenerator(seed: 0)
    private let answersByItself: Bool
    /// Some thread answers, or will.
    private var isAnswering = false
    private var isLetGo = false
    private var flushesUnderWay = 0
    private var forcedWrites = 0
    private var begun = 0
    private var isClosed = false

    private static let threads = IOWorkers(inlineLimit: 0, maximumThreads: 64)

    package init(_ memory: MemoryStore, _ order: Order, forcesUnitAccess: Bool = false) {
        self.memory = memory
        self.forcesUnitAccess = forcesUnitAccess
        if case .seeded(let seed) = order {
            generator = SeededGenerator(seed: seed)
            answersByItself = true
        } else {
            answersByItself = false
        }
    }

    package convenience init(sectors: Int, _ order: Order, forcesUnitAccess: Bool = false) {
        self.init(MemoryStore(sectors: sectors), order, forcesUnitAccess: forcesUnitAccess)
    }

    package var size: UInt64 { memory.size }
    package var limits: QueueLimits { memory.limits }
    /// Transfers that wait for their answers, oldest first.
    package var waiting: [IOOperation] { lock.withLock { pending.map(\.operation) } }
    /// Transfers that were begun and have not ended.
    package var underWay: Int { lock.withLock { begun } }
    /// Writes that came as forced ones.
    package var forced: Int { lock.withLock { forcedWrites } }

    package func begin(_ transfer: StoreTransfer) {
        enum Answer { case now, byThread, later }
        let answer = lock.withLock { () -> Answer in
            precondition(!isClosed, "a closed store was used")
            begun += 1
            if transfer.operation == .flush {
                flushesUnderWay += 1
                precondition(flushesUnderWay == 1, "two flushes at once")
            }
            if transfer.forceUnitAccess { forcedWrites += 1 }
            if isLetGo { return .now }
            pending.append(transfer)
            guard answersByItself, !isAnswering else { return .later }
            isAnswering = true
            return .byThread
        }
        switch answer {
        case .now: end(transfer, nil)
        case .byThread: LateStore.threads.run { self.answerAll() }
        case .later: break
        }
    }

    /// Until nothing waits.
    private func answerAll() {
        while true {
            let next = lock.withLock { () -> StoreTransfer? in
                guard !pending.isEmpty else {
                    isAnswering = false
                    return nil
                }
                let index = Int.random(in: pending.indices, using: &generator)
                return pending.remove(at: index)
            }
            guard let next else { return }
            end(next, nil)
        }
    }

    /// Answers one that waits, by its place among them; `failure`: with nothing done. False: there
    /// is none.
    @discardableResult
    package func answer(_ index: Int = 0, failing failure: Errno? = nil) -> Bool {
        let next = lock.withLock {
            index < pending.count ? pending.remove(at: index) : nil
        }
        guard let next else { return false }
        end(next, failure)
        return true
    }

    /// Answers all that wait, and what comes at once.
    package func letGo() {
        lock.withLock { isLetGo = true }
        while answer() {}
    }

    private func end(_ transfer: StoreTransfer, _ failure: Errno?) {
        let error = failure ?? perform(transfer)
        lock.withLock {
            begun -= 1
            if transfer.operation == .flush { flushesUnderWay -= 1 }
        }
        transfer.end(error)
    }

    private func perform(_ transfer: StoreTransfer) -> Errno? {
        let (offset, count) = (transfer.offset, UInt64(transfer.length))
        switch transfer.operation {
        case .read: return memory.read(into: transfer.vectors, at: offset)
        case .write:
            let error = memory.write(transfer.vectors, at: offset)
            return error ?? (transfer.forceUnitAccess ? memory.flush() : nil)
        case .discard: return memory.discard(from: offset, count: count)
        case .writeZeroes: return memory.writeZeroes(from: offset, count: count)
        case .flush: return memory.flush()
        }
    }

    package func close() {
        lock.withLock {
            precondition(begun == 0, "a store was closed with I/O under way")
            isClosed = true
        }
        memory.close()
    }
}
