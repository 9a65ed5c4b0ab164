import DeviceMapper

extension MountDirectory {
    /// The kernel's default, 128 KiB.
    private static let defaultReadAhead: UInt32 = 256

    /// The read-ahead of a device, in sectors.
    func readAhead(ofMinor minor: UInt32) -> UInt32 {
        let file = path + ByteString("/block/dm-\(minor)/queue/read_ahead_kb")
        guard let text = try? SystemCalls.contents(of: file) else { return Self.defaultReadAhead }
        var rest = text[...]
        guard let kibibytes = Decimal.unsigned(&rest)?.value else { return Self.defaultReadAhead }
        return UInt32(clamping: kibibytes.multipliedReportingOverflow(by: 2).partialValue)
    }
}
