/// A device that a table's targets send requests to, held open for as long as the table lives.
/// Equal devices of one table are one of these.
final class LowerDevice: @unchecked Sendable {
    // @unchecked: immutable but for `isClosed`, which only the table's one destruction touches.
    enum Kind {
        /// Another mapped device: an edge in the graph of stacked devices, and an opener there.
        case mapped(MappedDevice)
        case backing(BackingDevice)
    }

    /// The same without a reference count. `kind` keeps the device.
    private enum Way {
        case mapped(Unmanaged<MappedDevice>)
        case backing(Unmanaged<BackingDevice>)
        /// One whose store answers later.
        case late(Unmanaged<BackingDevice>)
    }

    let kind: Kind
    private let way: Way
    /// As tables and `deps` print it.
    let number: DeviceNumber
    let isWritable: Bool
    private let release: () -> Void
    private var isClosed = false

    init(
        kind: Kind, number: DeviceNumber, isWritable: Bool, release: @escaping () -> Void
    ) {
        self.kind = kind
        switch kind {
        case .mapped(let device): way = .mapped(.passUnretained(device))
        case .backing(let device):
            way =
                device.asynchronous == nil
                ? .backing(.passUnretained(device)) : .late(.passUnretained(device))
        }
        self.number = number
        self.isWritable = isWritable
        self.release = release
    }

    deinit { precondition(isClosed, "a lower device was dropped while open") }

    var isBacking: Bool { if case .backing = kind { true } else { false } }

    /// Ends the use. Takes dm_sem or a leaf lock, may close a file: never under dm_sem.
    func close() {
        precondition(!isClosed, "a lower device was closed twice")
        isClosed = true
        release()
    }

    /// Sends a request or a part down. Its `offset` is a byte of this device.
    ///
    /// Nothing touches this object or the device after sending: the request's end may free both. A device that
    /// works after the end is retained for the call.
    func submit(_ request: IORequest) {
        switch way {
        case .mapped(let device):
            if request.operation.isChange && !isWritable { return request.finish(.ioError) }
            if device._withUnsafeGuaranteedRef({ $0.submitIfAdmitted(request) }) { return }
            device.takeUnretainedValue().deferOrStart(request)
        case .backing(let device):
            if BackingDevice.hasWorkAfter(request) {
                return device.takeUnretainedValue().submit(request)
            }
            if device._withUnsafeGuaranteedRef({ $0.performInPlace(request) }) { return }
            device.takeUnretainedValue().enqueue(request)
        case .late(let device):
            device.takeUnretainedValue().submit(request)
        }
    }

    /// Present size. Zero: unknown, which no check refuses, as in the kernel.
    var size: Sectors {
        switch kind {
        case .mapped(let device): device.disk.capacity
        case .backing(let device): Sectors(wholeIn: device.store.size)
        }
    }

    /// What it can do at present.
    var limits: QueueLimits {
        switch kind {
        case .mapped(let device): device.limits ?? QueueLimits()
        case .backing(let device): device.store.limits
        }
    }

    /// For messages: the kernel's `%pg`.
    var name: String {
        switch kind {
        case .mapped: "dm-\(number.minor)"
        case .backing(let device): device.name
        }
    }

    /// As a word of a table line: the number, or where one stands behind it, the path, quoted so
    /// that `dm_split_args` gives it back.
    func word(paths: Bool) -> ByteString {
        guard paths, case .backing(let device) = kind, let path = device.path else {
            return "\(number)"
        }
        var quoted: [UInt8] = []
        for byte in path.bytes {
            if TargetNumber.isSpace(byte) || byte == UInt8(ascii: "\\") {
                quoted.append(UInt8(ascii: "\\"))
            }
            quoted.append(byte)
        }
        return ByteString(quoted)
    }
}
