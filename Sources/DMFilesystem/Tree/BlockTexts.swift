import DeviceMapper

/// The longer texts of `BlockTree`, in the kernel's columns.
enum BlockTexts {
    static let newline = ByteString("\n")

    /// Seventeen numbers (`part_stat_show`): of reads, writes: requests, merged ones, sectors,
    /// milliseconds; requests under way, milliseconds in which there were some, milliseconds of all
    /// requests together; four of discards; requests and milliseconds of flushes, which device-mapper
    /// counts as writes. Nothing is merged.
    static func statistics(_ counts: IOCounts) -> ByteString {
        ByteString(numbers(counts).map { padded($0, 8) }.joined(separator: " "))
    }

    /// Reads and writes; discards are writes here.
    static func inFlight(_ counts: IOCounts) -> ByteString {
        let changes = counts.writes.inFlight + counts.discards.inFlight
        return ByteString("\(padded(counts.reads.inFlight, 8)) \(padded(changes, 8))")
    }

    static func event(_ info: BlockInfo) -> ByteString {
        let number = info.disk.number
        return ByteString(
            "MAJOR=\(number.major)\nMINOR=\(number.minor)\nDEVNAME=dm-\(number.minor)\n"
                + "DEVTYPE=disk\nDISKSEQ=\(info.disk.generation)")
    }

    /// Of devices with a size, in KiB (`show_partition`).
    static func partitions(_ blocks: [BlockInfo]) -> ByteString {
        lines(blocks.filter { $0.disk.size.count > 0 }) { info in
            let number = info.disk.number
            return padded(number.major, 4) + "  " + padded(number.minor, 7) + " "
                + padded(info.disk.size.count / 2, 10) + " dm-\(number.minor)\n"
        }
    }

    /// `diskstats_show`.
    static func diskStatistics(_ blocks: [BlockInfo]) -> ByteString {
        lines(blocks) { info in
            let number = info.disk.number
            return padded(number.major, 4) + " " + padded(number.minor, 7) + " dm-\(number.minor) "
                + numbers(info.counts).map { "\($0)" }.joined(separator: " ") + "\n"
        }
    }

    private static func lines(
        _ blocks: [BlockInfo], _ line: (BlockInfo) -> String
    ) -> ByteString {
        var bytes: [UInt8] = []
        for block in blocks { bytes += line(block).utf8 }
        return ByteString(bytes)
    }

    private static func numbers(_ counts: IOCounts) -> [UInt64] {
        let (reads, writes, discards) = (counts.reads, counts.writes, counts.discards)
        return [
            reads.requests, 0, reads.sectors, reads.milliseconds,
            writes.requests, 0, writes.sectors, writes.milliseconds,
            reads.inFlight + writes.inFlight + discards.inFlight, counts.busyMilliseconds,
            reads.milliseconds + writes.milliseconds + discards.milliseconds,
            discards.requests, 0, discards.sectors, discards.milliseconds, 0, 0,
        ]
    }

    private static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
    }
}
