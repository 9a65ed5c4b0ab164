/// What the filesystem shows: the registered disks that can still be opened.
extension DeviceRegistry {
    /// A disk by its minor; nil: there is none. Takes dm_sem for reading.
    package func disk(minor: UInt32) -> DiskInfo? {
        reading { state in state.disks[minor].flatMap { DiskInfo($0) } }
    }

    /// Nil: another device has that minor now, or none.
    package func disk(minor: UInt32, generation: UInt64) -> DiskInfo? {
        disk(minor: minor).flatMap { $0.generation == generation ? $0 : nil }
    }

    /// The disk of a device by its name; nil: there is no such device. Takes dm_sem for reading.
    package func disk(named name: ByteString) -> DiskInfo? {
        reading { state in
            (state.cellsByName[name]?.device?.disk).flatMap { DiskInfo($0) }
        }
    }

    /// All of them, by minor.
    package func disks() -> [DiskInfo] {
        reading { state in state.disks.values.compactMap { DiskInfo($0) } }
            .sorted { $0.number < $1.number }
    }
}

extension DiskInfo {
    /// Under dm_sem. Nil: the device is being removed.
    init?(_ disk: Disk) {
        guard let cell = disk.hashCell else { return nil }
        self.init(
            number: disk.number, generation: disk.generation, name: cell.name,
            size: disk.visibleSize, isReadOnly: disk.isReadOnly,
            hasTable: disk.hasTable, creationTime: disk.creationTime,
            changeTime: disk.changeTime)
    }
}
