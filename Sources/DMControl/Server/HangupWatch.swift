import DeviceMapper
import Glibc

/// Raises the interrupt of a command that blocks when its client hangs up.
///
/// One thread polls the sockets of all commands under way; one that finishes first is taken off the
/// list.
final class HangupWatch: @unchecked Sendable {
    // @unchecked: `entries`, `lastToken` and `isStopped` are guarded by `lock`.
    private struct Entry {
        let token: UInt64
        let descriptor: CInt
        let interrupt: Interrupt
    }

    /// Guards the list. Leaf: interrupts are raised outside it.
    private let lock = Lock(rank: .leaf, name: "HangupWatch.lock")
    private var entries: [Entry] = []
    private var lastToken: UInt64 = 0
    private var isStopped = false
    /// A byte into the near end makes the thread look at the list again.
    private let wake: SocketPair

    init() throws(DMError) {
        wake = try UnixSocket.pair()
    }

    func start() throws(DMError) {
        try Thread.start("dm-hangup") { self.run() }
    }

    /// Ends the thread. Interrupts are not raised any more.
    func stop() {
        lock.withLock { isStopped = true }
        poke()
    }

    /// Runs `body`; if the peer of `descriptor` closes meanwhile, `interrupt` is raised.
    func watching<Result>(_ descriptor: CInt, _ interrupt: Interrupt, _ body: () -> Result)
        -> Result
    {
        let token = lock.withLock {
            lastToken &+= 1
            entries.append(
                Entry(token: lastToken, descriptor: descriptor, interrupt: interrupt))
            return lastToken
        }
        poke()
        defer { lock.withLock { entries.removeAll { $0.token == token } } }
        return body()
    }

    var count: Int { lock.withLock { entries.count } }

    private func poke() {
        var byte: UInt8 = 0
        // Full: the thread will wake all the same.
        _ = send(wake.near.descriptor, &byte, 1, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
    }

    private func run() {
        while true {
            let (watched, stopped) = lock.withLock { (entries, isStopped) }
            if stopped { return }
            var descriptors = [pollfd(fd: wake.far.descriptor, events: Int16(POLLIN), revents: 0)]
            // POLLHUP is reported unasked: when the peer is gone, not when it only stopped sending.
            descriptors += watched.map { pollfd(fd: $0.descriptor, events: 0, revents: 0) }
            guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
            if descriptors[0].revents != 0 { drain() }
            for (entry, polled) in zip(watched, descriptors.dropFirst()) where polled.revents != 0 {
                hungUp(entry)
            }
        }
    }

    private func hungUp(_ entry: Entry) {
        // A command that ended meanwhile may have given its descriptor's number to another.
        let isUnderWay = lock.withLock {
            let index = entries.firstIndex { $0.token == entry.token }
            if let index { entries.remove(at: index) }
            return index != nil
        }
        if isUnderWay { entry.interrupt.raise() }
    }

    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while recv(wake.far.descriptor, &bytes, bytes.count, CInt(MSG_DONTWAIT)) > 0 {}
    }
}
