import DeviceMapper
import SystemPackage

/// The connections of a server, and whose turn it is on each.
///
/// When all places are taken, or the process has no descriptor or thread left, a new client takes
/// the place of one that the daemon waits for: of the oldest that hasn't said hello, else of the one
/// that has asked nothing for the longest time, if that is long enough. A client whose command is
/// being carried out keeps its place.
final class ConnectionList: @unchecked Sendable {
    // @unchecked: `entries`, `lastNumber` and `isClosed` are guarded by `lock`.
    private enum Turn {
        /// The client has not said hello.
        case hello
        /// It has, and may send a request or take a reply.
        case client
        /// A command is being carried out.
        case server
    }

    private struct Entry {
        let connection: Connection
        let turn: Turn
        /// Of all turns on all connections, the how manieth this one is.
        let number: UInt64
        /// When it began: `Deadline.nowMilliseconds`.
        let since: UInt64
    }

    private let maximum: Int
    private let idleMilliseconds: UInt64

    /// Guards the list. Leaf: nothing is sent or closed under it.
    private let lock = Lock(rank: .leaf, name: "ConnectionList.lock")
    private let connectionEnded = Condition()
    private var entries: [ObjectIdentifier: Entry] = [:]
    private var lastNumber: UInt64 = 0
    private var isClosed = false

    init(maximum: Int, idleMilliseconds: UInt32) {
        self.maximum = maximum
        self.idleMilliseconds = UInt64(idleMilliseconds)
    }

    var count: Int { lock.withLock { entries.count } }

    // MARK: Coming and going

    /// False: there is no place, and none can be made.
    func enter(_ connection: Connection) -> Bool {
        let (isIn, leaving) = lock.withLock { () -> (Bool, Entry?) in
            guard !isClosed else { return (false, nil) }
            let leaving = entries.count < maximum ? nil : takeOutWaiting()
            guard entries.count < maximum else { return (false, leaving) }
            begin(connection, .hello)
            return (true, leaving)
        }
        dismiss(leaving)
        return isIn
    }

    func leave(_ connection: Connection) {
        // Its socket is closed here, not under the lock.
        _ = lock.withLock {
            defer { connectionEnded.broadcast() }
            return entries.removeValue(forKey: ObjectIdentifier(connection))
        }
    }

    /// Makes a client go that the daemon waits for, where the process has no room for another. False:
    /// there is none.
    func makeRoom() -> Bool {
        let leaving = lock.withLock { takeOutWaiting() }
        dismiss(leaving)
        return leaving != nil
    }

    /// Lets nobody in any more and ends all conversations. Waits for commands under way until then.
    func close(until deadline: Deadline) {
        let open = lock.withLock {
            isClosed = true
            return entries.values.map(\.connection)
        }
        for connection in open { connection.shutdown() }
        lock.withLock {
            while !entries.isEmpty && connectionEnded.wait(lock, until: deadline) {}
        }
    }

    // MARK: Turns

    /// A request has come and is about to be carried out. False: the client had to go.
    func beginCommand(_ connection: Connection) -> Bool { turn(of: connection, is: .server) }

    /// The client has been greeted, or a reply is ready for it. False: it had to go.
    func waitForClient(_ connection: Connection) -> Bool { turn(of: connection, is: .client) }

    private func turn(of connection: Connection, is turn: Turn) -> Bool {
        lock.withLock {
            guard entries[ObjectIdentifier(connection)] != nil else { return false }
            begin(connection, turn)
            return true
        }
    }

    /// With the lock held.
    private func begin(_ connection: Connection, _ turn: Turn) {
        lastNumber &+= 1
        entries[ObjectIdentifier(connection)] = Entry(
            connection: connection, turn: turn, number: lastNumber, since: Deadline.nowMilliseconds)
    }

    // MARK: Who has to go

    /// With the lock held. Nil: all are busy, or have been so a moment ago.
    private func takeOutWaiting() -> Entry? {
        var leaving = first(.hello)
        if leaving == nil, let idle = first(.client),
            Deadline.nowMilliseconds - idle.since >= idleMilliseconds
        {
            leaving = idle
        }
        return leaving.flatMap { entries.removeValue(forKey: ObjectIdentifier($0.connection)) }
    }

    /// Of those whose turn is that, the one with whom it began first.
    private func first(_ turn: Turn) -> Entry? {
        entries.values.filter { $0.turn == turn }.min { $0.number < $1.number }
    }

    private func dismiss(_ entry: Entry?) {
        guard let entry else { return }
        // An answer to a hello that it hasn't sent. Nothing has been sent yet: there is room for it.
        if entry.turn == .hello {
            Connection.refuse(entry.connection.socket, .resourceTemporarilyUnavailable)
        }
        entry.connection.shutdown()
    }
}
