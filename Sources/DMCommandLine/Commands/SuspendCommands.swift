import DMControl
import DeviceMapper

/// `suspend [--noflush] [--nolockfs] DEVICE...`
enum SuspendCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let address = try invocation.device()
        let status = try invocation.daemon.run("suspend", address) { client throws(DMError) in
            try client.suspend(
                address.reference, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
        try invocation.showInfoIfVerbose(status)
    }
}

/// `resume DEVICE...`: swaps in the inactive table, if there is one, and lets I/O go on.
enum ResumeCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        let address = try invocation.device()
        let status = try invocation.daemon.run("resume", address) { client throws(DMError) in
            try client.resume(
                address.reference, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
        try invocation.showInfoIfVerbose(status)
    }
}
