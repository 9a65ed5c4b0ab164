import Glibc

/// What is in a directory.
package enum DirectoryNames {
    /// Without "." and ".."; nothing if it can't be read.
    package static func read(_ directory: ByteString) -> [ByteString] {
        guard let entries = directory.withCString({ opendir($0) }) else { return [] }
        defer { closedir(entries) }
        var names: [ByteString] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name.0) { first in
                ByteString(UnsafeRawBufferPointer(start: first, count: strlen(first)))
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
