import DeviceMapper
import Synchronization

/// What a connection knows of its client.
final class ControlSession: Sendable {
    /// Finds devices as the client sees them.
    let resolver: any DeviceResolver
    /// Kept open for `resolver`.
    private let workingDirectory: PassedDescriptor?
    /// The global event number at the last ARM_POLL.
    private let armedEvent: Atomic<UInt32>

    convenience init(
        _ registry: DeviceRegistry, _ configuration: ServerConfiguration,
        deviceDirectory: ByteString, workingDirectory: PassedDescriptor?
    ) {
        let resolver = ClientPaths(
            registry: registry, workingDirectory: workingDirectory?.fileDescriptor,
            deviceDirectory: deviceDirectory, mountPoint: configuration.mountPoint,
            mountDevice: configuration.mountDevice)
        self.init(registry, resolver: resolver, workingDirectory: workingDirectory)
    }

    init(
        _ registry: DeviceRegistry, resolver: any DeviceResolver,
        workingDirectory: PassedDescriptor? = nil
    ) {
        self.resolver = resolver
        self.workingDirectory = workingDirectory
        armedEvent = Atomic(registry.globalEvents.current)
    }

    func arm(_ registry: DeviceRegistry) {
        armedEvent.store(registry.globalEvents.current, ordering: .relaxed)
    }

    /// Waits until the global event number has moved since `arm`. EINTR.
    func waitForEvent(_ registry: DeviceRegistry, _ interrupt: Interrupt) throws(DMError) {
        try registry.globalEvents.wait(
            forOtherThan: armedEvent.load(ordering: .relaxed), interrupt)
    }
}
