/// What /sys/block shows of the devices that have a disk: those for which a table was ever loaded. Of
/// devices that are being removed nothing is shown. dm_sem is taken for reading, briefly.
extension DeviceRegistry {
    /// A device at one moment. Nil: it is gone, or it never had a table.
    package func block(minor: UInt32, generation: UInt64) -> BlockInfo? {
        guard let (device, disk, uuid) = mapped(minor, generation) else { return nil }
        return BlockInfo(
            disk: disk, uuid: uuid, isSuspended: device.isSuspended,
            limits: device.limits ?? QueueLimits(), counts: device.statistics.counts,
            readAhead: device.disk.settings.readAhead)
    }

    /// Sets the read-ahead that is told of a device, in KiB. False: it is gone, or it never had a table.
    package func setReadAhead(_ kilobytes: UInt32, minor: UInt32, generation: UInt64) -> Bool {
        guard let (device, _, _) = mapped(minor, generation) else { return false }
        device.disk.settings.readAhead = kilobytes
        return true
    }

    /// All of them, by minor.
    package func blockDisks() -> [DiskInfo] { disks().filter(\.hasTable) }

    /// The same at one moment with all that is told of them.
    package func blocks() -> [BlockInfo] {
        blockDisks().compactMap { block(minor: $0.number.minor, generation: $0.generation) }
    }

    /// The devices that its tables stand on, live or inactive: mapped ones and block devices, not files.
    /// Nil: it is gone, or it never had a table.
    package func slaves(minor: UInt32, generation: UInt64) -> [DeviceNumber]? {
        guard let (device, _, _) = mapped(minor, generation) else { return nil }
        let lowers = reading { $0.edges.lowers(of: device) }
        return Set(lowers.map(\.disk.number) + outsideNumbers(below: device)).sorted()
    }

    /// The mapped devices that stand on a device, by minor. Nil: a mapped one that is gone, or that never
    /// had a table.
    package func holders(minor: UInt32, generation: UInt64) -> [DiskInfo]? {
        guard let (device, _, _) = mapped(minor, generation) else { return nil }
        return reading { state in
            state.edges.uppers(of: device).compactMap { DiskInfo($0.disk) }
        }.filter(\.hasTable).sorted { $0.number < $1.number }
    }

    /// The same of a block device that isn't ours; none: no table has it.
    package func holders(of outside: DeviceNumber) -> [DiskInfo] {
        allMapped().filter { outsideNumbers(below: $0.device).contains(outside) }.map(\.disk)
    }

    /// The block devices that aren't ours and have a table over them.
    package func outsideDevices() -> [DeviceNumber] {
        Set(allMapped().flatMap { outsideNumbers(below: $0.device) }).sorted()
    }

    private func outsideNumbers(below device: MappedDevice) -> Set<DeviceNumber> {
        let tables = device.tables
        let lowers = (tables.live?.lowerDevices ?? []) + (tables.inactive?.lowerDevices ?? [])
        return Set(
            lowers.lazy.filter { $0.isBacking && $0.number.major != self.backingNumbers.major }
                .map(\.number))
    }

    private func mapped(
        _ minor: UInt32, _ generation: UInt64
    ) -> (device: MappedDevice, disk: DiskInfo, uuid: ByteString)? {
        reading { state in
            guard let disk = state.disks[minor], disk.generation == generation, disk.hasTable,
                let info = DiskInfo(disk), let cell = disk.hashCell, let device = cell.device
            else { return nil }
            return (device, info, cell.uuid)
        }
    }

    /// By minor.
    private func allMapped() -> [(device: MappedDevice, disk: DiskInfo)] {
        reading { state in
            state.disks.values.compactMap { disk -> (device: MappedDevice, disk: DiskInfo)? in
                guard disk.hasTable, let info = DiskInfo(disk), let device = disk.hashCell?.device
                else { return nil }
                return (device, info)
            }
        }.sorted { $0.disk.number < $1.disk.number }
    }
}

/// What /sys/block/dm-N shows of a device.
package struct BlockInfo: Hashable, Sendable {
    package let disk: DiskInfo
    /// Empty: none.
    package let uuid: ByteString
    package let isSuspended: Bool
    package let limits: QueueLimits
    package let counts: IOCounts
    /// In KiB; nil: nobody has set it.
    package let readAhead: UInt32?

    /// There was no device below its table when its limits were measured: nothing limits a request, and
    /// nothing would be flushed. Such a limit is the greatest number, in whole blocks.
    package var standsOnNothing: Bool { limits.maximumHardwareSectors > UInt32.max / 2 }
}
