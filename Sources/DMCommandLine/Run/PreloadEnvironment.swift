import DeviceMapper
import Glibc

/// What the environment of a command tells libdmfuse-preload (Sources/CDMPreload/paths.c) and
/// libdevmapper.
struct PreloadEnvironment {
    let variables: [(name: String, value: ByteString)]

    init(
        mount: MountDirectory, mappedMajor: UInt32, library: ByteString, reasons: ByteString?,
        loaded: ByteString? = SystemCalls.environment("LD_PRELOAD"),
        wrappers: Wrappers? = nil, lvmDirectory: ByteString? = nil
    ) throws(Refusal) {
        let separators = [UInt8(ascii: " "), UInt8(ascii: ":")]
        guard !library.bytes.contains(where: separators.contains) else {
            throw Refusal("\(library.string): a path with a blank or a colon can't be preloaded")
        }
        // A command that runs another by us has it already.
        let others = (loaded ?? .empty).bytes.split(whereSeparator: separators.contains)
            .map { ByteString($0) }.filter { $0 != library }
        // The last: what others find behind their functions is ours, as if we were the kernel. Before them
        // we would keep from them the calls that we answer by system calls.
        let libraries = others.reversed().reduce(library) { $1 + ByteString(":") + $0 }
        var variables: [(name: String, value: ByteString)] = [
            ("LD_PRELOAD", libraries),
            ("DMFUSE_DIR", mount.path),
            ("DMFUSE_MAJOR", ByteString("\(mappedMajor)")),
            // What lvm's own configuration has, and it gives to its scripts.
            ("DM_DEV_DIR", MountChoice.kernelDirectory),
            // The mount's nodes are there at once: nobody is to wait for udev.
            ("DM_DISABLE_UDEV", ByteString("1")),
        ]
        if let wrappers {
            variables.append(("DMFUSE_PROGRAM", wrappers.program))
            variables.append(("PATH", wrappers.path))
        }
        if let lvmDirectory { variables.append((LVMDirectory.variable, lvmDirectory)) }
        if let reasons { variables.append(("DMFUSE_REASONS", reasons)) }
        self.variables = variables
    }

    /// Sets them in this process.
    func apply() {
        for (name, value) in variables {
            _ = value.withCString { setenv(name, $0, 1) }
        }
    }
}
