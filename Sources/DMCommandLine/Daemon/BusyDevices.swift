import DeviceMapper

/// What stands in the way of an unmount.
enum BusyDevices {
    /// Devices that have more openers than the tables that use them: the others are programs.
    static func names(_ registry: DeviceRegistry) -> [ByteString] {
        registry.awaitCloses(nil)
        let devices = registry.list()
        var byTables: [DeviceNumber: UInt32] = [:]
        for device in devices {
            // A device holds each lower one open once, whichever of its tables name it.
            var used: Set<DeviceNumber> = []
            for inactive in [false, true] {
                let reply = try? registry.dependencies(.number(device.number), inactive: inactive)
                used.formUnion(reply?.1 ?? [])
            }
            for number in used { byTables[number, default: 0] += 1 }
        }
        return devices.filter { $0.openCount > byTables[$0.number, default: 0] }.map(\.name)
    }

    static func reason(_ registry: DeviceRegistry) -> String {
        let names = names(registry)
        if names.isEmpty { return "a directory of it is somebody's working directory, or open" }
        return "in use: " + names.map(\.string).joined(separator: ", ")
    }
}
