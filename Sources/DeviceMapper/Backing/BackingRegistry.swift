import Glibc
import SystemPackage

/// The backing devices that tables have open: one for each identity, whatever words led there.
package final class BackingRegistry: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    private struct Entry {
        let device: BackingDevice
        var opened: OpenedStore
        var users: Int
    }

    /// Guards the fields below. Leaf: nothing is opened or closed under it.
    private let lock = Lock(rank: .leaf, name: "BackingRegistry.lock")
    private let changed = Condition()
    private var entries: [DeviceIdentity: Entry] = [:]
    /// Being opened or closed by some thread; others wait. A block device is opened exclusively, so
    /// that two who open it at once would refuse each other.
    private var inTransit: Set<DeviceIdentity> = []

    private let numbers: BackingNumbers
    private let workers: IOWorkers
    /// Asked in order.
    private let openers: [any DeviceOpener]

    init(numbers: BackingNumbers, workers: IOWorkers, openers: [any DeviceOpener]) {
        self.numbers = numbers
        self.workers = workers
        self.openers = openers
    }

    /// Takes the device behind a descriptor that was opened with O_PATH. ENODEV: no opener's.
    /// EACCES, EROFS, EBUSY, EMFILE: as open(2) says. EBUSY: locked by another daemon. `check`:
    /// called before a device is opened that no table has yet.
    func take(
        _ file: FileDescriptor, path: ByteString, writable: Bool,
        check: (_ status: stat) throws(DMError) -> Void = { (_) throws(DMError) in }
    ) throws(DMError) -> BackingDevice {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw DMError(Errno(rawValue: errno)) }
        let place = DevicePlace.file(file, status, path: path)
        let device = try take(place, writable: writable) { () throws(DMError) in
            try check(status)
        }
        guard let device else {
            throw DMError(.operationNotSupportedByDevice, "neither a file nor a block device")
        }
        return device
    }

    /// Takes the device that a word means to an opener as it is. Nil: to none. Errors: the
    /// opener's.
    func take(_ word: ByteString, writable: Bool) throws(DMError) -> BackingDevice? {
        try take(.word(word), writable: writable) {}
    }

    private func take(
        _ place: DevicePlace, writable: Bool, check: () throws(DMError) -> Void
    ) throws(DMError) -> BackingDevice? {
        for opener in openers {
            guard let identity = opener.identity(of: place) else { continue }
            return try take(identity, place, by: opener, writable: writable, check: check)
        }
        return nil
    }

    private func take(
        _ identity: DeviceIdentity, _ place: DevicePlace, by opener: any DeviceOpener,
        writable: Bool, check: () throws(DMError) -> Void
    ) throws(DMError) -> BackingDevice {
        let standing = enterTransit(identity)
        defer { leaveTransit(identity) }
        if let standing {
            if writable && !standing.opened.isWritable {
                let isWritable = try opener.makeWritable(standing.opened, place)
                lock.withLock { entries[identity]?.opened.isWritable = isWritable }
            }
            return use(identity)
        }
        try check()
        let opened = try opener.open(place, writable: writable)
        let number: DeviceNumber
        do throws(DMError) {
            if let own = opened.number {
                number = own
            } else {
                number = try numbers.number(identity, path: place.text)
            }
        } catch {
            opened.store.store.close()
            throw error
        }
        let device = BackingDevice(
            number: number, name: place.text.lastComponent.string,
            path: place.text, store: opened.store, workers: workers,
            onRelease: { [self] in release(identity) })
        lock.withLock {
            entries[identity] = Entry(device: device, opened: opened, users: 1)
        }
        return device
    }

    /// Waits until nobody else opens or closes that device; the entry that stands then, if any.
    private func enterTransit(_ identity: DeviceIdentity) -> Entry? {
        lock.withLock {
            while inTransit.contains(identity) { changed.wait(lock) }
            inTransit.insert(identity)
            return entries[identity]
        }
    }

    private func leaveTransit(_ identity: DeviceIdentity) {
        lock.withLock {
            inTransit.remove(identity)
            changed.broadcast()
        }
    }

    private func use(_ identity: DeviceIdentity) -> BackingDevice {
        lock.withLock {
            guard var entry = entries[identity] else {
                preconditionFailure("an entry in transit went away")
            }
            entry.users += 1
            entries[identity] = entry
            return entry.device
        }
    }

    private func release(_ identity: DeviceIdentity) {
        guard enterTransit(identity) != nil else {
            preconditionFailure("a backing device was released too often")
        }
        let last = lock.withLock { () -> Entry? in
            entries[identity]?.users -= 1
            guard let entry = entries[identity], entry.users == 0 else { return nil }
            entries[identity] = nil
            return entry
        }
        last?.opened.store.store.close()
        leaveTransit(identity)
    }
}
