import DeviceMapper

/// Where libdmfuse-preload.so is.
enum PreloadLibrary {
    static let name = "libdmfuse-preload.so"

    /// Beside the executable, as it is built; or where it is installed: below `lib` beside the
    /// executable's directory, there in `dmfuse` of Debian's directory for this kind of machine, in
    /// `dmfuse`, or itself.
    static func find(
        executable: ByteString? = BackingPaths.readLink(ByteString("/proc/self/exe"))
    ) throws(Refusal) -> ByteString {
        guard let executable, let directory = parent(of: executable) else {
            throw Refusal("\(name): /proc is needed to find it")
        }
        let library = (parent(of: directory) ?? .empty) + ByteString("/lib/")
        let places =
            [directory + ByteString("/")]
            + ["\(multiarch)/dmfuse/", "dmfuse/", ""].map { library + ByteString($0) }
        for place in places {
            let path = place + ByteString(name)
            if (try? SystemCalls.status(of: path)) != nil { return path }
        }
        throw Refusal(
            "\(name) is neither in \(directory.string) nor in ../lib; scripts/build makes it")
    }

    private static func parent(of path: ByteString) -> ByteString? {
        path.bytes.lastIndex(of: UInt8(ascii: "/")).map { ByteString(path.bytes[..<$0]) }
    }

    #if arch(x86_64)
        private static let multiarch = "x86_64-linux-gnu"
    #elseif arch(arm64)
        private static let multiarch = "aarch64-linux-gnu"
    #else
        private static let multiarch = "unknown"
    #endif
}
