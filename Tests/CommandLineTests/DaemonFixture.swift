import DMControl
import DeviceMapper
import Glibc
import SystemPackage

@testable import DMCommandLine

/// A registry behind a control socket in a directory of its own, as a mount would have it, but
/// without a file system. It has the numbers of the recorded transcripts: 254 for mapped devices
/// and 7, loop's major, for backing files.
final class DaemonFixture {
    let directory: String
    /// Where the mount would be: below the directory of the backing files.
    var mount: String { directory + "/dm" }
    let registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 254, backingMajor: 7))
    private let server: ControlServer
    private var handles: [String: DeviceHandle] = [:]

    init() throws {
        var template = Array("/tmp/dmfuse-cli-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        guard made else { throw Errno(rawValue: errno) }
        directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        mkdir(directory + "/dm", 0o700)
        mkdir(directory + "/dm/mapper", 0o700)
        let socket = directory + "/socket"
        symlink(socket, directory + "/dm/mapper/control")
        server = try ControlServer(
            registry,
            ServerConfiguration(
                socketPath: ByteString(socket), owner: getuid(), mountPoint: "\(directory)/dm",
                mountDevice: .max)
        ) { _, _ in OwnReply(errno: .inappropriateIOCTLForDevice) }
        try server.start()
    }

    deinit {
        handles.values.forEach { $0.close() }
        server.stop()
        try? registry.beginShutdown(force: true)
        registry.finishShutdown()
        SystemCalls.runAndWait(["rm", "-rf", directory].map { ByteString($0) })
    }

    /// A text of the transcripts, with our paths.
    func localised(_ text: String) -> String {
        text.replacing("/dev/mapper", with: mount + "/mapper")
            .replacing("/dev/", with: directory + "/")
    }

    /// A sparse file of `size` bytes in the directory, which takes the next backing number.
    func addFile(_ name: String, size: Int) {
        let path = "\(directory)/\(name)"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        ftruncate(descriptor, size)
        Glibc.close(descriptor)
        guard size > 0 else { return }
        let quoted = path.replacing(#"\"#, with: #"\\"#).replacing(" ", with: #"\ "#)
        _ = run(
            ["create", "number", "--table", "0 1 linear \(quoted) 0"], personality: .dmfuse)
        _ = run(["remove", "number"])
    }

    struct Result {
        let status: Int32
        let output: String
        let errors: String
        /// Both, as a pipe would get them.
        let all: String
        /// The same bytes as `output`.
        let bytes: [UInt8]
    }

    func run(
        _ words: [String], personality: Personality = .dmsetup, input: String = "",
        environment: [String: String] = [:], onPause: @escaping () -> Void = {}
    ) -> Result {
        run(
            words.map { ByteString($0) }, personality: personality, input: input,
            environment: environment, onPause: onPause)
    }

    func run(
        _ words: [ByteString], personality: Personality = .dmsetup, input: String = "",
        environment: [String: String] = [:], onPause: @escaping () -> Void = {}
    ) -> Result {
        let recorder = Recorder()
        let line = DeviceCommandLine(
            programName: ByteString("dmsetup"), personality: personality,
            console: recorder.console(),
            surroundings: Surroundings(
                environment: { [mount] in
                    $0 == "DM_DEV_DIR" ? ByteString(mount) : environment[$0].map { ByteString($0) }
                },
                readStandardInput: { Array(input.utf8) }, localeIsUTF8: { false },
                terminalWidth: { nil }, readAhead: { _, _ in 256 }, sleep: { _ in onPause() }))
        let status = line.run(words)
        return Result(
            status: status, output: recorder.outputText, errors: recorder.errorText,
            all: recorder.allText, bytes: recorder.output)
    }

    /// Opens a device as the file system would.
    func open(_ name: String, as key: String) throws {
        guard let disk = registry.disk(named: ByteString(name)) else {
            throw DMError.noSuchDevice
        }
        handles[key] = try registry.open(minor: disk.number.minor, generation: disk.generation)
    }

    func close(_ key: String) { handles.removeValue(forKey: key)?.close() }
}
