package import DeviceMapper
import Glibc
import SystemPackage

/// The daemon's end of the control socket. A thread a connection: a suspend or a wait that blocks
/// is in nobody's way.
package final class ControlServer: @unchecked Sendable {
    // @unchecked: `connections`, `lastNumber` and `isStopping` are guarded by `lock`.
    private let registry: DeviceRegistry
    private let configuration: ServerConfiguration
    private let handler: OwnRequestHandler
    private let listener: UnixSocket
    private let watch: HangupWatch

    /// Guards the connections. Leaf: nothing is sent or closed under it.
    private let lock = Lock(rank: .leaf, name: "ControlServer.lock")
    private let connectionEnded = Condition()
    private var connections: [UInt64: Connection] = [:]
    private var lastNumber: UInt64 = 0
    private var isStopping = false

    /// Listens. Connections wait until `start`. EADDRINUSE: another daemon listens there.
    package init(
        _ registry: DeviceRegistry, _ configuration: ServerConfiguration,
        handler: @escaping OwnRequestHandler
    ) throws(DMError) {
        self.registry = registry
        self.configuration = configuration
        self.handler = handler
        watch = try HangupWatch()
        listener = try UnixSocket.listen(at: configuration.socketPath)
    }

    /// Starts to answer. EAGAIN: no thread can be started. Threads of before a fork don't survive
    /// it: call this in the process that serves.
    package func start() throws(DMError) {
        try watch.start()
        try Thread.start("dm-control") { self.acceptAll() }
    }

    /// Ends: nobody can connect any more, commands that block get EINTR, and all connections are
    /// closed. Waits a bounded moment for commands under way. Not to be called on a connection's
    /// own thread (a handler, or its `afterwards`).
    package func stop() {
        _ = configuration.socketPath.withCString { unlink($0) }
        listener.shutdown()
        let open = lock.withLock {
            isStopping = true
            return Array(connections.values)
        }
        for connection in open { connection.shutdown() }
        let deadline = Deadline(millisecondsFromNow: ControlServer.stopMilliseconds)
        lock.withLock {
            while !connections.isEmpty && connectionEnded.wait(lock, until: deadline) {}
        }
        watch.stop()
    }

    private static let stopMilliseconds: UInt32 = 5000

    // MARK: Connections

    var connectionCount: Int { lock.withLock { connections.count } }

    /// Commands under way that a hang-up would interrupt.
    var watchedCount: Int { watch.count }

    private func acceptAll() {
        while true {
            do throws(DMError) {
                guard let socket = try listener.accept() else { return }
                admit(socket)
            } catch {
                // Out of descriptors or memory: others have to go first.
                poll(nil, 0, ControlServer.retryMilliseconds)
            }
        }
    }

    private static let retryMilliseconds: CInt = 50

    private func admit(_ socket: consuming UnixSocket) {
        guard configuration.admits(configuration.peerUser(socket.descriptor)) else {
            return Connection.refuse(socket, .permissionDenied)
        }
        let connection = Connection(socket, registry, configuration, watch, handler)
        guard let number = enter(connection) else {
            return Connection.refuse(connection.socket, .resourceTemporarilyUnavailable)
        }
        do throws(DMError) {
            try Thread.start("dm-client") {
                connection.serve()
                self.leave(number)
            }
        } catch {
            leave(number)
            Connection.refuse(connection.socket, error.errno)
        }
    }

    /// Nil: there are too many.
    private func enter(_ connection: Connection) -> UInt64? {
        lock.withLock {
            guard !isStopping, connections.count < configuration.maximumConnections else {
                return nil
            }
            lastNumber &+= 1
            connections[lastNumber] = connection
            return lastNumber
        }
    }

    private func leave(_ number: UInt64) {
        let ended = lock.withLock {
            connectionEnded.broadcast()
            return connections.removeValue(forKey: number)
        }
        // Its socket is closed here, not under the lock.
        _ = ended
    }
}
