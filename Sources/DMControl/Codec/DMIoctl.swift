package import DeviceMapper

/// `struct dm_ioctl`: the head of every request and reply (linux/dm-ioctl.h).
///
/// 312 bytes long, but the seven at the end are padding or the beginning of the data: a request
/// needs 305. All numbers are in the host's byte order.
package struct DMIoctl: Hashable, Sendable {
    /// `sizeof(struct dm_ioctl)`.
    package static let size = 312
    /// `offsetof(struct dm_ioctl, data)`: the shortest argument of any command but VERSION.
    package static let dataOffset = 305
    /// Bytes of the version, all that VERSION needs and a refusal writes.
    package static let versionSize = 12
    /// `DM_NAME_LEN`, with the NUL.
    package static let nameSize = 128
    /// `DM_UUID_LEN`, with the NUL.
    package static let uuidSize = 129
    /// The longest argument: the kernel's 1,048,576 targets of 1024 bytes (`DM_MAX_TARGET_PARAMS`).
    package static let maximumDataSize = 1 << 30

    package var version: InterfaceVersion
    /// Length of the whole argument, this head included.
    package var dataSize: UInt32
    /// Where the data begins, from the beginning of this head.
    package var dataStart: UInt32
    package var targetCount: UInt32 = 0
    package var openCount: Int32 = 0
    package var flags: DMFlags
    /// The device's event number, or a udev cookie on the way in.
    package var eventNumber: UInt32 = 0
    package var padding: UInt32 = 0
    /// `huge_encode_dev`; 0 when the device is not named by number.
    package var device: UInt64 = 0
    package var name = ByteString.empty
    package var uuid = ByteString.empty

    /// The head of a request of our own client.
    package init(flags: DMFlags = []) {
        version = .minimum
        dataSize = UInt32(DMIoctl.dataOffset)
        dataStart = UInt32(DMIoctl.size)
        self.flags = flags
    }

    /// Reads the head of an argument of at least 305 bytes. A name without a NUL takes all its
    /// field.
    package init(reading bytes: [UInt8]) {
        version = DMIoctl.version(in: bytes)
        dataSize = bytes.number(at: Offset.dataSize)
        dataStart = bytes.number(at: Offset.dataStart)
        targetCount = bytes.number(at: Offset.targetCount)
        openCount = bytes.number(at: Offset.openCount)
        flags = DMFlags(rawValue: bytes.number(at: Offset.flags))
        eventNumber = bytes.number(at: Offset.eventNumber)
        padding = bytes.number(at: Offset.padding)
        device = bytes.number(at: Offset.device)
        name = bytes.string(at: Offset.name, fieldSize: DMIoctl.nameSize)
        uuid = bytes.string(at: Offset.uuid, fieldSize: DMIoctl.uuidSize)
    }

    /// Writes the head over the first 305 bytes. What follows the NUL of a name stays, as in the
    /// kernel.
    package func write(into bytes: inout [UInt8]) {
        DMIoctl.set(version, in: &bytes)
        bytes.set(dataSize, at: Offset.dataSize)
        bytes.set(dataStart, at: Offset.dataStart)
        bytes.set(targetCount, at: Offset.targetCount)
        bytes.set(openCount, at: Offset.openCount)
        bytes.set(flags.rawValue, at: Offset.flags)
        bytes.set(eventNumber, at: Offset.eventNumber)
        bytes.set(padding, at: Offset.padding)
        bytes.set(device, at: Offset.device)
        bytes.set(name, at: Offset.name, fieldSize: DMIoctl.nameSize)
        bytes.set(uuid, at: Offset.uuid, fieldSize: DMIoctl.uuidSize)
    }

    /// A request's bytes: this head, NULs up to `size`. `dataSize` becomes `size`.
    package func request(size: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(size, DMIoctl.dataOffset))
        var head = self
        head.dataSize = UInt32(bytes.count)
        head.write(into: &bytes)
        return bytes
    }

    /// A request's bytes: this head, and `data` where `dataStart` says. `dataSize` becomes the
    /// whole.
    package func request(data: [UInt8]) -> [UInt8] {
        request(size: DMIoctl.size + data.count).prefix(DMIoctl.size) + data
    }

    /// The version in the first 12 bytes.
    static func version(in bytes: [UInt8]) -> InterfaceVersion {
        InterfaceVersion(bytes.number(at: 0), bytes.number(at: 4), bytes.number(at: 8))
    }

    static func set(_ version: InterfaceVersion, in bytes: inout [UInt8]) {
        bytes.set(version.major, at: 0)
        bytes.set(version.minor, at: 4)
        bytes.set(version.patch, at: 8)
    }

    private enum Offset {
        static let dataSize = 12
        static let dataStart = 16
        static let targetCount = 20
        static let openCount = 24
        static let flags = 28
        static let eventNumber = 32
        static let padding = 36
        static let device = 40
        static let name = 48
        static let uuid = 176
    }
}
