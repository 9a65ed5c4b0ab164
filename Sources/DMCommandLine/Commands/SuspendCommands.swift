import DMControl
import DeviceMapper

/// `suspend [--noflush] [--nolockfs] DEVICE...`
enum SuspendCommand {
    static let page = CommandPage(
        usage: ["DEVICE..."], summary: "hold all I/O of devices",
        details: """
            Returns when all that is under way has ended. What comes afterwards is held until the \
            resume.
            """,
        options: [.noFlush, .noLockFS, .select] + CommandPage.deviceOptions,
        example: "dmfuse suspend x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        try invocation.change("suspend") { client, device throws(DMError) in
            try client.suspend(device, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
    }
}

/// `resume DEVICE...`: swaps in the inactive table, if there is one, and lets I/O go on.
enum ResumeCommand {
    static let page = CommandPage(
        usage: ["DEVICE..."],
        summary: "let I/O of devices go on, with the inactive table if there is one",
        options: [
            .noFlush, .noLockFS, .addNodeOnResume, .addNodeOnCreate, .readAhead, .select,
        ] + CommandPage.deviceOptions,
        example: "dmfuse load x table; dmfuse resume x", words: .devices)

    static func run(_ invocation: Invocation) throws(Refusal) {
        let options = invocation.options
        try invocation.change("resume") { client, device throws(DMError) in
            try client.resume(device, noflush: options.noFlush, skipLockFS: options.noLockFS)
        }
    }
}
