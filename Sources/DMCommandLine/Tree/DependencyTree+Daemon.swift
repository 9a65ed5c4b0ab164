import DMControl
import DeviceMapper

extension DependencyTree {
    /// The tree of all devices.
    static func whole(_ invocation: Invocation) throws(Refusal) -> DependencyTree {
        let daemon = invocation.daemon
        let names = try daemon.blockNames()
        let tree = DependencyTree { number throws(Refusal) in
            guard names.isMapped(number) else { return nil }
            let address = DeviceAddress(
                number: (Int32(bitPattern: number.major), Int32(bitPattern: number.minor)))
            let (status, dependencies) = try daemon.run("deps", address) {
                client throws(DMError) in
                try client.dependencies(.number(number))
            }
            return Description(
                name: try daemon.unmangledName(status.name),
                uuid: try daemon.unmangledUUID(status.uuid), status: status,
                dependencies: dependencies ?? [])
        }
        try invocation.forAllDevices { device throws(Refusal) in
            if let entry = device.entry { try tree.add(entry.number) }
        }
        return tree
    }
}
