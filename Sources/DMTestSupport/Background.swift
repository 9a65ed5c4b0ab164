package import DeviceMapper
import SystemPackage

/// Something that runs on a thread of its own, since it may block.
package final class Background<Value: Sendable>: @unchecked Sendable {
    // @unchecked: `outcome` is guarded by `lock`.
    private let lock = Lock(rank: .leaf, name: "Background.lock")
    private let ended = Condition()
    private var outcome: Result<Value, DMError>?

    package init(_ body: @escaping @Sendable () throws(DMError) -> Value) {
        do {
            try Thread.start("background") {
                do throws(DMError) {
                    self.finish(.success(try body()))
                } catch {
                    self.finish(.failure(error))
                }
            }
        } catch {
            finish(.failure(error))
        }
    }

    private func finish(_ result: Result<Value, DMError>) {
        lock.withLock {
            outcome = result
            ended.broadcast()
        }
    }

    package var isDone: Bool { lock.withLock { outcome != nil } }

    /// What came out; ETIMEDOUT when nothing did within the bound.
    package func get(milliseconds: UInt32 = patience) throws(DMError) -> Value {
        let deadline = Deadline(millisecondsFromNow: milliseconds)
        let result = lock.withLock { () -> Result<Value, DMError>? in
            while outcome == nil {
                if !ended.wait(lock, until: deadline) { break }
            }
            return outcome
        }
        guard let result else { throw DMError(.timedOut, "it did not end") }
        return try result.get()
    }
}

/// The error that `body` throws; nil when it succeeds.
package func refusal<Value>(_ body: () throws(DMError) -> Value) -> DMError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
