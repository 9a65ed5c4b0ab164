import SystemPackage

/// Who hears of the end of a request that it sent on.
class EndWatcher: @unchecked Sendable {
    // @unchecked: it has nothing of its own; each subclass says what guards what it adds.

    init() {}

    /// The request has ended below, `error` nil: all of it done. Its `offset` is the one that it had when
    /// `watch` was called. Any thread, no lock held; must not wait.
    func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending { .ended(error) }
}

/// What a watcher makes of the end of a request.
struct Ending {
    /// An errno; 0: it was done; -1: taken. One number, since each request that is watched returns it.
    private let code: Int32

    /// It ends for those above, too, with this error.
    static func ended(_ error: Errno?) -> Ending { Ending(code: error?.rawValue ?? 0) }
    /// The watcher has it once more: it sends the request on, or calls `finish`.
    static let taken = Ending(code: -1)

    var isTaken: Bool { code < 0 }
    var error: Errno? { code == 0 ? nil : Errno(rawValue: code) }
}
