import DMTestSupport
import DeviceMapper
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import DMControl

/// A directory of its own, gone at the end.
final class TemporaryDirectory: Sendable {
    let path: String

    init(named suffix: String = "") throws {
        let base = FileManager.default.temporaryDirectory.path
        path = "\(base)/dmcontrol-\(UUID().uuidString)\(suffix)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A file of zeros.
    func file(_ name: String, size: Int) throws -> String {
        let file = "\(path)/\(name)"
        try Data(count: size).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// A registry of its own and what executes commands on it, without a socket.
final class ExecutorFixture: Sendable {
    let registry: DeviceRegistry
    let executor: CommandExecutor

    init(trace: LifecycleTrace? = nil, moreTargetTypes: [TargetType] = []) {
        var registryConfiguration = RegistryConfiguration(mappedMajor: 254, backingMajor: 259)
        registryConfiguration.lifecycleTrace = trace
        registryConfiguration.moreTargetTypes = moreTargetTypes
        registry = DeviceRegistry(registryConfiguration)
        let configuration = ServerConfiguration(
            socketPath: "", owner: 0, mountPoint: ByteString("/mnt/dm"), mountDevice: .max)
        executor = CommandExecutor(
            registry: registry,
            session: ControlSession(
                registry, configuration, deviceDirectory: ByteString("/dev"), workingDirectory: nil)
        )
    }

    func execute(
        _ number: CommandNumber, _ argument: [UInt8], _ interrupt: Interrupt = Interrupt()
    ) -> ControlReply {
        var argument = argument
        return executor.execute(number, &argument, interrupt).reply
    }

    func execute(_ command: DMCommand, _ argument: [UInt8]) -> ControlReply {
        execute(CommandNumber(command), argument)
    }

    /// A command about a device by name, in a buffer of `size` with `data` at 312. Succeeds, or the
    /// test fails.
    @discardableResult
    func run(
        _ command: DMCommand, _ name: String, flags: DMFlags = [], size: Int = 16384,
        targetCount: UInt32 = 0, data: [UInt8] = []
    ) throws -> ControlReply {
        let reply = execute(
            command,
            argument(name, flags: flags, size: size, targetCount: targetCount, data: data))
        try #require(reply.errno == nil, "\(command): \(reply.reason)")
        return reply
    }

    func load(_ name: String, _ lines: [TableLine]) throws {
        var data: [UInt8] = []
        TargetSpec.encodeLoad(lines, appendingTo: &data)
        try run(
            .tableLoad, name, size: DMIoctl.size + data.count, targetCount: UInt32(lines.count),
            data: data)
    }
}

/// An argument as a client builds it.
func argument(
    _ name: String = "", uuid: String = "", flags: DMFlags = [], size: Int = 16384,
    targetCount: UInt32 = 0, device: UInt64 = 0, data: [UInt8] = []
) -> [UInt8] {
    var head = DMIoctl(flags: flags)
    head.name = ByteString(name)
    head.uuid = ByteString(uuid)
    head.targetCount = targetCount
    head.device = device
    var bytes = head.request(size: size)
    if !data.isEmpty {
        bytes.replaceSubrange(DMIoctl.size..<(DMIoctl.size + data.count), with: data)
    }
    return bytes
}

func spec(
    _ start: UInt64, _ length: UInt64, _ type: String, _ parameters: String = ""
) -> TableLine {
    TableLine(
        start: start, length: length, targetType: ByteString(type),
        parameters: ByteString(parameters))
}

/// The head of a reply.
extension ControlReply {
    var head: DMIoctl { DMIoctl(reading: bytes) }

    /// What stands behind the head.
    var payload: [UInt8] { bytes.count > DMIoctl.size ? Array(bytes[DMIoctl.size...]) : [] }
}

/// A server on a real socket, with a registry of its own.
final class ServerFixture: Sendable {
    let directory: TemporaryDirectory
    let registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 254, backingMajor: 259))
    let server: ControlServer
    let path: String

    init(
        directory: TemporaryDirectory? = nil,
        handler: @escaping OwnRequestHandler = { _, _ in OwnReply(errno: .notSupported) },
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        path = "\(directory.path)/control"
        var configuration = ServerConfiguration(
            socketPath: ByteString(path), owner: getuid(), mountPoint: "\(directory.path)/mnt",
            mountDevice: .max)
        configure(&configuration)
        server = try ControlServer(registry, configuration, handler: handler)
        try server.start()
    }

    deinit { server.stop() }

    func client() throws -> ControlClient {
        try ControlClient(socket: ByteString(path), deviceDirectory: "/dev")
    }

    /// A socket that has been greeted, to send anything at all on.
    func greetedSocket() throws -> UnixSocket {
        let socket = try UnixSocket.connect(to: ByteString(path))
        try socket.send(Hello.encode(deviceDirectory: "/dev"))
        let answer = HelloAnswer(
            reading: try #require(try socket.receive(ControlProtocol.helloAnswerSize)))
        try #require(answer.errno == nil)
        return socket
    }
}

/// What a server logged.
final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }

    @Sendable func append(_ line: String) { recorded.withLock { $0.append(line) } }
}

/// Waits until something is so, but not for ever, and records an issue if it never is.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) {
    if !DMTestSupport.eventually(condition) {
        Issue.record("never happened: \(what)", sourceLocation: sourceLocation)
    }
}

/// Bytes from hex digits; white space is left out.
func hex(_ digits: String) -> [UInt8] {
    let nibbles = digits.compactMap(\.hexDigitValue)
    return stride(from: 0, to: nibbles.count - 1, by: 2).map {
        UInt8(nibbles[$0] << 4 | nibbles[$0 + 1])
    }
}

/// `bytes` with zeros behind, up to `count`.
func padded(_ bytes: [UInt8], to count: Int) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: count - bytes.count)
}
