import DeviceMapper

/// Where libdmfuse-preload.so is.
enum PreloadLibrary {
    static let name = "libdmfuse-preload.so"

    /// Beside the executable, or in ../lib of its directory.
    static func find(
        executable: ByteString? = BackingPaths.readLink(ByteString("/proc/self/exe"))
    ) throws(Refusal) -> ByteString {
        guard let executable, let slash = executable.bytes.lastIndex(of: UInt8(ascii: "/")) else {
            throw Refusal("\(name): /proc is needed to find it")
        }
        let directory = ByteString(executable.bytes[..<slash])
        for place in ["/", "/../lib/"] {
            let path = directory + ByteString(place + name)
            if (try? SystemCalls.status(of: path)) != nil { return path }
        }
        throw Refusal(
            "\(name) is neither in \(directory.string) nor in ../lib; scripts/build makes it")
    }
}
