package import DeviceMapper
import Glibc
import SystemPackage

/// The daemon's end of the control socket. A thread a connection: a suspend or a wait that blocks
/// is in nobody's way.
package final class ControlServer: Sendable {
    private let registry: DeviceRegistry
    private let configuration: ServerConfiguration
    private let handler: OwnRequestHandler
    private let listener: UnixSocket
    private let watch: HangupWatch
    private let list: ConnectionList

    /// Listens. Connections wait until `start`. EADDRINUSE: another daemon listens there.
    package init(
        _ registry: DeviceRegistry, _ configuration: ServerConfiguration,
        handler: @escaping OwnRequestHandler
    ) throws(DMError) {
        self.registry = registry
        self.configuration = configuration
        self.handler = handler
        watch = try HangupWatch()
        list = ConnectionList(
            maximum: configuration.maximumConnections,
            idleMilliseconds: configuration.idleMilliseconds)
        _ = UnixSocket.userMap
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
        list.close(until: Deadline(millisecondsFromNow: ControlServer.stopMilliseconds))
        watch.stop()
    }

    private static let stopMilliseconds: UInt32 = 5000

    /// Removes the socket at `path` if it is a dead daemon's: nobody listens there.
    package static func removeDeadSocket(_ path: ByteString) { _ = UnixSocket.removeDead(path) }

    // MARK: Connections

    var connectionCount: Int { list.count }

    /// Commands under way that a hang-up would interrupt.
    var watchedCount: Int { watch.count }

    private func acceptAll() {
        while true {
            do throws(DMError) {
                guard let socket = try listener.accept() else { return }
                admit(socket)
            } catch {
                // Out of descriptors or memory: others have to go first, and those that keep us
                // waiting before all.
                poll(
                    nil, 0,
                    list.makeRoom()
                        ? ControlServer.roomMilliseconds : ControlServer.retryMilliseconds)
            }
        }
    }

    private static let retryMilliseconds: CInt = 50
    /// For the thread of a client that had to go to close its socket.
    private static let roomMilliseconds: CInt = 2

    private func admit(_ socket: consuming UnixSocket) {
        guard configuration.admits(configuration.peerUser(socket.descriptor)) else {
            return Connection.refuse(socket, .permissionDenied)
        }
        let connection = Connection(socket, registry, configuration, watch, list, handler)
        guard list.enter(connection) else {
            return Connection.refuse(connection.socket, .resourceTemporarilyUnavailable)
        }
        do throws(DMError) {
            try Thread.start("dm-client") { [list] in
                connection.serve()
                list.leave(connection)
            }
        } catch {
            list.leave(connection)
            // For the next one.
            _ = list.makeRoom()
            Connection.refuse(connection.socket, error.errno)
        }
    }
}
