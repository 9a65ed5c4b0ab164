import DMControl
import DeviceMapper
import SystemPackage

/// The daemon, as commands see it. Connects when it is first needed; names are mangled on the way
/// in and unmangled on the way out; a refusal becomes dmsetup's line.
final class DaemonClient {
    /// Finds the mount.
    typealias Locate = () throws(Refusal) -> MountDirectory

    let mangling: Mangling.Mode
    private let personality: Personality
    private let locate: Locate
    private var connection: (client: ControlClient, mount: MountDirectory)?

    init(mangling: Mangling.Mode, personality: Personality, locate: @escaping Locate) {
        self.personality = personality
        self.mangling = mangling
        self.locate = locate
    }

    func client() throws(Refusal) -> ControlClient { try connect().client }

    func mount() throws(Refusal) -> MountDirectory { try connect().mount }

    /// Names of block devices, in which ours are known by their major.
    func blockNames() throws(Refusal) -> BlockDeviceNames {
        BlockDeviceNames(mappedMajor: try client().mappedMajor)
    }

    private func connect() throws(Refusal) -> (client: ControlClient, mount: MountDirectory) {
        if let connection { return connection }
        let mount = try locate()
        do {
            let client = try ControlClient(
                mount: mount.path, deviceDirectory: mount.deviceDirectory)
            connection = (client, mount)
            return (client, mount)
        } catch {
            let text = SystemCalls.text(error.errno)
            throw Refusal(
                [
                    "\(mount.path.string)/mapper/control: open failed: \(text)",
                    "Failure to communicate with kernel device-mapper driver.",
                    "Check that device-mapper is available in the kernel.",
                    "Incompatible libdevmapper \(VersionCommand.library) and kernel driver "
                        + "(unknown version).",
                ],
                cause: "\(mount.path.string): \(text)", reason: mount.advice(after: error.errno))
        }
    }

    /// One call to the daemon. `task` is libdevmapper's word for it: "create", "reload", ...
    func run<Result>(
        _ task: String, _ address: DeviceAddress,
        _ call: (_ client: ControlClient) throws(DMError) -> Result
    ) throws(Refusal) -> Result {
        let client = try client()
        do {
            return try call(client)
        } catch {
            throw Self.refusal(task, address, error)
        }
    }

    /// Loads the inactive table.
    ///
    /// As dmsetup every backslash is doubled, which libdevmapper does: what a user writes arrives
    /// as it is, and nothing quotes a blank. As dmfuse a backslash quotes the next character, as it
    /// does in device-mapper itself: here paths of files are common, and those have blanks. What
    /// `table --paths` prints is quoted so.
    func load(
        _ address: DeviceAddress, _ lines: [TableLine], readOnly: Bool
    ) throws(Refusal) -> DeviceStatus {
        let sent = personality == .dmsetup ? lines.map(Self.doublingBackslashes) : lines
        do throws(Refusal) {
            return try run("reload", address) { client throws(DMError) in
                try client.load(address.reference, lines: sent, readOnly: readOnly)
            }
        } catch {
            var refusal = error
            if personality == .dmfuse, refusal.reason.hasSuffix("unknown target type") {
                refusal.reason += "; 'dmfuse targets' lists those that there are"
            }
            throw refusal
        }
    }

    private static func doublingBackslashes(_ line: TableLine) -> TableLine {
        let backslash = UInt8(ascii: "\\")
        guard line.parameters.bytes.contains(backslash) else { return line }
        var line = line
        line.parameters = ByteString(
            line.parameters.bytes.flatMap { $0 == backslash ? [$0, $0] : [$0] })
        return line
    }

    static func refusal(_ task: String, _ address: DeviceAddress, _ error: DMError) -> Refusal {
        let text = SystemCalls.text(error.errno)
        var refusal = Refusal(
            ["device-mapper: \(task) ioctl on \(address.asInLibraryMessages) failed: \(text)"],
            cause: text, reason: error.message)
        refusal.errno = error.errno
        return refusal
    }

    /// A status or nil: the calls whose ENXIO libdevmapper takes for an answer.
    func ifExists<Result>(
        _ call: () throws(Refusal) -> Result
    ) throws(Refusal) -> Result? {
        do {
            return try call()
        } catch {
            guard error.errno == .noSuchAddressOrDevice else { throw error }
            return nil
        }
    }

    // MARK: Names

    /// For people, what the daemon holds.
    func unmangledName(_ name: ByteString) throws(Refusal) -> ByteString {
        try Mangling.unmangle(name, .name, mode: mangling)
    }

    /// All or none: libdevmapper refuses a list that holds one name it doesn't understand.
    func unmangledNames(_ names: [ByteString]) throws(Refusal) -> [ByteString] {
        var lines: [String] = []
        var result: [ByteString] = []
        for name in names {
            do {
                result.append(try unmangledName(name))
            } catch {
                lines += error.lines
            }
        }
        guard lines.isEmpty else { throw Refusal(lines) }
        return result
    }

    func unmangledUUID(_ uuid: ByteString) throws(Refusal) -> ByteString {
        try Mangling.unmangle(uuid, .uuid, mode: mangling)
    }

    /// A device that exists, by a name or by a path that leads to its file.
    func address(named name: ByteString) throws(Refusal) -> DeviceAddress {
        if name.bytes.contains(UInt8(ascii: "/")) {
            return DeviceAddress(name: try existingName(path: name))
        }
        return DeviceAddress(name: try newName(name))
    }

    /// The name of a device to be made.
    func newName(_ name: ByteString) throws(Refusal) -> ByteString {
        guard !name.bytes.contains(UInt8(ascii: "/")) else {
            throw Refusal("Name \"\(name.string)\" invalid. It contains \"/\".")
        }
        guard name.count < Mangling.Kind.name.capacity else {
            throw Refusal("Name \"\(name.string)\" too long.")
        }
        return try Mangling.mangle(name, .name, mode: mangling)
    }

    func address(uuid: ByteString) throws(Refusal) -> DeviceAddress {
        DeviceAddress(uuid: try Mangling.mangle(uuid, .uuid, mode: mangling))
    }

    /// The device whose file a path leads to: the file's identity decides, as the device number
    /// does for dmsetup.
    private func existingName(path: ByteString) throws(Refusal) -> ByteString {
        let last = path.lastComponent
        let mount = try mount()
        guard let file = mount.file(at: path) else {
            // The kernel's directory, where ours isn't: the name is meant.
            if !mount.isDevice, path == ByteString("/dev/mapper/") + last { return last }
            throw Refusal("Device \(path.string) not found")
        }
        if let named = mount.file(at: mount.nodePath(last)), named == file { return last }
        let devices = try run("names", DeviceAddress()) { client throws(DMError) in
            try client.list()
        }
        guard let match = devices.first(where: { mount.file(at: mount.nodePath($0.name)) == file })
        else { throw Refusal("Device \(last.string) not found") }
        return match.name
    }
}
