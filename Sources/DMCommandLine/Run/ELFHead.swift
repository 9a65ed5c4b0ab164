import DeviceMapper

/// The beginning of a program's file (elf(5)), in little-endian order, as on every machine that Swift
/// runs on.
struct ELFHead {
    /// 64-bit.
    let isWide: Bool
    /// `e_machine`.
    let machine: UInt16
    /// The dynamic linker (PT_INTERP); nil: none, so nothing can be loaded into it.
    let interpreter: ByteString?

    /// Nil: no ELF file, or one that is cut.
    init?(_ bytes: [UInt8]) {
        let wideClass: UInt8 = 2
        let programInterpreter: UInt32 = 3
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]), bytes.count >= 64 else { return nil }
        let isWide = bytes[4] == wideClass
        let reader = Reader(bytes: bytes)
        self.isWide = isWide
        machine = UInt16(truncatingIfNeeded: reader.number(at: 18, size: 2) ?? 0)
        let start = reader.number(at: isWide ? 32 : 28, size: isWide ? 8 : 4) ?? 0
        let entrySize = reader.number(at: isWide ? 54 : 42, size: 2) ?? 0
        let count = reader.number(at: isWide ? 56 : 44, size: 2) ?? 0
        var found: ByteString?
        for index in 0..<count {
            // Sums can't overflow: 2^16 entries of 2^16 bytes, and a start that was checked.
            guard start <= UInt64(bytes.count) else { return nil }
            let entry = start + index * entrySize
            guard let type = reader.number(at: entry, size: 4) else { return nil }
            guard type == UInt64(programInterpreter) else { continue }
            let offset = reader.number(at: entry + (isWide ? 8 : 4), size: isWide ? 8 : 4)
            guard let offset, offset < UInt64(bytes.count) else { return nil }
            found = ByteString(bytes[Int(offset)...].prefix { $0 != 0 })
        }
        interpreter = found
    }

    /// Why a library for the C library of this machine isn't loaded into it.
    func hindrance(isMachineOurs: (_ head: ELFHead) -> Bool) -> String? {
        guard let interpreter else {
            return "it is statically linked (as Go's programs are), so it can't be led to the mount"
        }
        if !isMachineOurs(self) { return "it is for another kind of machine than dmfuse" }
        if interpreter.lastComponent.hasPrefix(ByteString("ld-musl")) {
            return "it uses the musl C library, into which \(PreloadLibrary.name) can't be loaded"
        }
        return nil
    }

    private struct Reader {
        let bytes: [UInt8]

        func number(at offset: UInt64, size: UInt64) -> UInt64? {
            guard offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset else {
                return nil
            }
            return (0..<size).reduce(0) { sum, index in
                sum | UInt64(bytes[Int(offset + index)]) << (8 * index)
            }
        }
    }
}
