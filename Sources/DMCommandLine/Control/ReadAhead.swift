import DeviceMapper

extension MountDirectory {
    /// The kernel's default, 128 KiB.
    private static let defaultReadAhead: UInt32 = 256

    /// Sectors that the kernel reads ahead in the mount's files: one number for all devices.
    func readAhead() -> UInt32 {
        guard let status = try? SystemCalls.status(of: path),
            let text = try? SystemCalls.contents(
                of: ByteString("/sys/class/bdi/\(status.device)/read_ahead_kb"))
        else { return Self.defaultReadAhead }
        var rest = text[...]
        guard let kibibytes = Decimal.unsigned(&rest)?.value else { return Self.defaultReadAhead }
        return UInt32(clamping: kibibytes.multipliedReportingOverflow(by: 2).partialValue)
    }
}
