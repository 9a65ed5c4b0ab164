import DeviceMapper
import SystemPackage

/// DEV_SET_GEOMETRY: the data is "cylinders heads sectors start", four decimals. Kept for
/// whoever asks the device for its geometry, until a table of another size. ENXIO. EINVAL: not four
/// numbers, more than 65535, 255, 255, or a start beyond them.
enum DeviceSetGeometry: Command {
    static let command = DMCommand.deviceSetGeometry
    static let hasData = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        _ = try call.registry.info(try call.reference())
        guard let text = call.string(at: Int(call.head.dataStart)) else {
            throw DMError(.invalidArgument, "Invalid geometry supplied.")
        }
        guard let numbers = numbers(text), numbers.count == 4 else {
            throw DMError(.invalidArgument, "Unable to interpret geometry settings.")
        }
        let (cylinders, heads, sectors, start) = (numbers[0], numbers[1], numbers[2], numbers[3])
        guard cylinders <= 65535, heads <= 255, sectors <= 255 else {
            throw DMError(.invalidArgument, "Geometry exceeds range limits.")
        }
        guard start <= cylinders * heads * sectors else {
            throw DMError(
                .invalidArgument, "Start sector is beyond the geometry limits.")
        }
        try call.registry.setGeometry(
            try call.reference(),
            Geometry(
                cylinders: UInt16(cylinders), heads: UInt8(heads), sectors: UInt8(sectors),
                start: UInt32(start)))
        call.head.dataSize = 0
    }

    /// `sscanf("%lu %lu %lu %lu%c")`: blanks in front of each number, nothing behind the last;
    /// numbers are taken modulo 2^64. Nil: something else is in between.
    private static func numbers(_ text: ByteString) -> [UInt64]? {
        var rest = text.bytes[...]
        var numbers: [UInt64] = []
        while numbers.count < 4 {
            rest = rest.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            numbers.append(digits.reduce(0) { $0 &* 10 &+ UInt64($1 - 0x30) })
            rest = rest.dropFirst(digits.count)
        }
        return rest.isEmpty ? numbers : nil
    }
}
