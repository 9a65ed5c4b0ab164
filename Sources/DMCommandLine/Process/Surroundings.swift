import DeviceMapper
import Glibc
import SystemPackage

/// What a command takes from the process that it runs in. Tests put their own in.
struct Surroundings {
    /// DM_DEV_DIR, DM_DEFAULT_NAME_MANGLING_MODE, POSIXLY_CORRECT.
    var environment: (_ name: String) -> ByteString?
    /// All of standard input.
    var readStandardInput: () throws(Errno) -> [UInt8]
    /// Whether people here read UTF-8.
    var localeIsUTF8: () -> Bool
    /// Columns of the terminal behind standard output; nil if it is none.
    var terminalWidth: () -> Int?
    /// Of a device, in sectors.
    var readAhead: (_ mount: MountDirectory, _ minor: UInt32) -> UInt32
    var sleep: (_ milliseconds: UInt32) -> Void

    /// What was built; empty: not known.
    var commit = ""

    static func process(commit: String) -> Surroundings {
        Surroundings(
            environment: SystemCalls.environment,
            readStandardInput: { () throws(Errno) in try SystemCalls.contents(of: STDIN_FILENO) },
            localeIsUTF8: SystemCalls.localeIsUTF8, terminalWidth: SystemCalls.terminalWidth,
            readAhead: { $0.readAhead(ofMinor: $1) }, sleep: SystemCalls.sleep, commit: commit)
    }
}
