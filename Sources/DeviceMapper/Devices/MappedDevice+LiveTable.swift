/// Use of the live table by commands: a message, a status that commits first.
extension MappedDevice {
    /// Calls `body` with the live table, which stays live meanwhile, its lower devices open: it counts as
    /// in flight, so a suspend, a swap and a removal wait for it. It goes on while the device is suspended.
    /// EINVAL: there is none, which the kernel logs. ENXIO: nor will there be, the device was removed.
    func withLiveTable<Result>(
        _ body: (Table) throws(DMError) -> Result
    ) throws(DMError) -> Result {
        disk.queue.enterBypassing()
        defer { disk.queue.leave() }
        return try body(try liveTable(or: "The device has no table."))
    }
}
