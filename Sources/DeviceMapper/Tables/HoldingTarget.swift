/// A target that holds requests for a time, in the registry's `HoldTimer`.
class HoldingTarget: Target, @unchecked Sendable {
    // @unchecked: as `Target`.

    /// Whether it holds requests now: not once `willSuspend` was called. The timer asks under its lock.
    var holds: Bool { preconditionFailure("\(type.name) holds nothing") }

    /// Sends a request on that was held, or that came when it no longer holds any. Any thread.
    func letGo(_ request: IORequest) { preconditionFailure("\(type.name) holds nothing") }

    /// So many requests of this operation more are held, or less. Under the timer's lock, a leaf.
    func noteHold(_ operation: IOOperation, _ change: Int) {}
}
