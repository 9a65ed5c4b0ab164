import DeviceMapper

/// What stands in the way of an unmount.
enum BusyDevices {
    /// Devices that have more openers than the tables that use them: the others are programs.
    static func names(_ registry: DeviceRegistry) -> [ByteString] {
        registry.settle(nil)
        let devices = registry.list()
        var byTables: [DeviceNumber: UInt32] = [:]
        for device in devices {
            for inactive in [false, true] {
                let used = try? registry.dependencies(.number(device.number), inactive: inactive).1
                for number in used ?? [] { byTables[number, default: 0] += 1 }
            }
        }
        return devices.filter { $0.openCount > byTables[$0.number, default: 0] }.map(\.name)
    }

    static func reason(_ registry: DeviceRegistry) -> String {
        let names = names(registry)
        if names.isEmpty { return "a directory of it is somebody's working directory, or open" }
        return "in use: " + names.map(\.string).joined(separator: ", ")
    }
}
