import DeviceMapper

/// Block majors that no driver of this host has: if a host's driver had them, tools would take our
/// devices for that driver's (the kernel lists its drivers in /proc/devices).
enum BlockMajors {
    /// "For local and experimental use" first (Documentation/admin-guide/devices.txt), then any
    /// that is free. 12 bits are what device numbers have.
    private static let candidates = Array(240...254) + Array((256...511).reversed())

    /// One for mapped devices and one for backing files; nil if the host has no two left.
    static func choose(procDevices: [UInt8]) -> (mapped: UInt32, backing: UInt32)? {
        let used = usedMajors(procDevices)
        let free = candidates.map(UInt32.init).filter { !used.contains($0) }
        guard free.count >= 2 else { return nil }
        return (free[0], free[1])
    }

    /// The numbers under "Block devices:".
    private static func usedMajors(_ text: [UInt8]) -> Set<UInt32> {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        let start = lines.firstIndex { $0.starts(with: "Block devices".utf8) } ?? lines.endIndex
        let numbers = lines[start...].dropFirst().compactMap { line -> UInt32? in
            var rest = line
            return Decimal.unsigned(&rest).flatMap { UInt32(exactly: $0.value) }
        }
        return Set(numbers)
    }
}
