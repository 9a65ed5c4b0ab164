import DMControl
import DeviceMapper

/// `suspend [--noflush] [--nolockfs] DEVICE...`
enum SuspendCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        try invocation.change("suspend") { client, device throws(DMError) in
            try client.suspend(device, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
    }
}

/// `resume DEVICE...`: swaps in the inactive table, if there is one, and lets I/O go on.
enum ResumeCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        try invocation.change("resume") { client, device throws(DMError) in
            try client.resume(device, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
    }
}
