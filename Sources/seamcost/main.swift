// Opens and closes a device so many times: `seamcost COUNT`. scripts/seam-cost counts what that
// takes.
import DMTestSupport
import DeviceMapper

let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 0
let devices = MemoryDevices()
let device = try devices.create("x", "0 8 zero")
for _ in 0..<count {
    let handle = try devices.registry.open(
        minor: device.number.minor, generation: device.generation)
    handle.close()
}
try devices.shutDown()
