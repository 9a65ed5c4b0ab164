/// Which thread does a request's I/O on a backing device that works synchronously.
package struct Placement: Equatable, Sendable {
    /// Bits, since each request is asked for them: 1 hand over, 2 on an I/O thread, 4 if the device is fast.
    private let bits: UInt8

    /// The thread that submits it, while the bound of `IOWorkers` allows; else an I/O thread.
    package static let submitter = Placement(bits: 0)
    /// The same, but an I/O thread if the device is slow: more parts of one request follow this one.
    static let submitterIfFast = Placement(bits: 4)
    /// Always hand to an I/O thread.
    package static let handOver = Placement(bits: 1)
    /// This thread is an I/O thread, which may block: do it here.
    static let ioThread = Placement(bits: 2)
    /// The same, but another I/O thread if the device is slow: more parts follow.
    static let ioThreadIfFast = Placement(bits: 6)

    var isHandOver: Bool { bits & 1 != 0 }
    var isOnIOThread: Bool { bits & 2 != 0 }
    /// Whether it depends on the pace of the device, which is measured then.
    var dependsOnPace: Bool { bits & 4 != 0 }

    /// Of a part that others follow.
    var ifFast: Placement { isHandOver ? .handOver : Placement(bits: bits | 4) }

    /// Of a request that an I/O thread has taken.
    var onIOThread: Placement { Placement(bits: bits & 4 | 2) }
}
