package import DeviceMapper
import SystemPackage

/// Something that runs on a thread of its own, since it may block.
package struct Background<Value: Sendable>: Sendable {
    /// Nil: there is no thread for it.
    private let call: BoundedCall<Result<Value, DMError>>?

    package init(_ body: @escaping @Sendable () throws(DMError) -> Value) {
        call = BoundedCall.begin("background") {
            do throws(DMError) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
    }

    package var isDone: Bool { call?.isDone ?? true }

    /// What came out. ETIMEDOUT: nothing did within the bound. EAGAIN: there is no thread for it.
    package func get(milliseconds: UInt32 = patience) throws(DMError) -> Value {
        guard let call else { throw DMError(.resourceTemporarilyUnavailable) }
        let result = call.wait(until: Deadline(millisecondsFromNow: milliseconds))
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
