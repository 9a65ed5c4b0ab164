package import DeviceMapper
import SystemPackage

/// Looks words up in `MemoryDevices`, but for those that it is told to hold until `open`: a file
/// system that takes its time.
package final class GatedResolver: DeviceResolver, @unchecked Sendable {
    // @unchecked: guarded by `lock`.
    private let devices: MemoryDevices
    private let held: Set<ByteString>
    private let lock = Lock(rank: .leaf, name: "GatedResolver.lock")
    private let opened = Condition()
    private var isOpen = false
    private var waiting = 0

    package init(_ devices: MemoryDevices, holding names: [String]) {
        self.devices = devices
        held = Set(names.map { ByteString($0) })
    }

    package var waitingLookups: Int { lock.withLock { waiting } }

    package func open() {
        lock.withLock {
            isOpen = true
            opened.broadcast()
        }
    }

    package func resolve(_ word: ByteString, writable: Bool) throws(DMError) -> ResolvedDevice {
        if held.contains(word) {
            lock.withLock {
                waiting += 1
                while !isOpen { opened.wait(lock) }
                waiting -= 1
            }
        }
        return try devices.resolve(word, writable: writable)
    }
}
