import CLinux
import DeviceMapper
import Glibc
import SystemPackage

/// System calls of the command line. errno is read in the statement after the call; EINTR is
/// retried where nothing is lost by it.
enum SystemCalls {
    /// All of a file.
    static func contents(of path: ByteString) throws(Errno) -> [UInt8] {
        let descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        defer { Glibc.close(descriptor) }
        return try contents(of: descriptor)
    }

    /// The rest of an open file, pipe or terminal.
    static func contents(of descriptor: CInt) throws(Errno) -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            let failure = errno
            if count > 0 {
                result += chunk[..<count]
            } else if count == 0 {
                return result
            } else if failure != EINTR {
                throw Errno(rawValue: failure)
            }
        }
    }

    /// What comes before the first newline, however long the other end stays open; nil if it ends
    /// before.
    static func line(of descriptor: CInt) -> ByteString? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            let failure = errno
            if count == 1 {
                guard byte != UInt8(ascii: "\n") else { return ByteString(bytes) }
                bytes.append(byte)
            } else if count == 0 || failure != EINTR {
                return nil
            }
        }
    }

    /// Follows links. Nil: it stays as it is.
    static func setOwner(of path: ByteString, user: UInt32?, group: UInt32?) throws(Errno) {
        let result = path.withCString { chown($0, user ?? .max, group ?? .max) }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// Follows links.
    static func setMode(of path: ByteString, _ mode: UInt32) throws(Errno) {
        let result = path.withCString { chmod($0, mode) }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// Writes all of `bytes`; what can't be written is lost, as with stdio at exit.
    static func write(_ bytes: [UInt8], to descriptor: CInt) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            let failure = errno
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, failure != EINTR {
                return
            }
        }
    }

    struct FileStatus {
        /// Of the file system that the file is on.
        let device: DeviceNumber
        let rawDevice: UInt64
        let inode: UInt64
        let mode: UInt32
        let owner: UInt32
        let group: UInt32
        /// Of the device that the file is, if it is one.
        let represents: DeviceNumber

        var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
        var isBlockDevice: Bool { mode & S_IFMT == S_IFBLK }
    }

    static func status(
        of path: ByteString, followingLinks: Bool = true
    ) throws(Errno) -> FileStatus {
        var buffer = stat()
        let result = path.withCString {
            followingLinks ? stat($0, &buffer) : lstat($0, &buffer)
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
        return FileStatus(
            device: DeviceNumber(statDevice: UInt64(buffer.st_dev)),
            rawDevice: UInt64(buffer.st_dev),
            inode: UInt64(buffer.st_ino), mode: buffer.st_mode, owner: buffer.st_uid,
            group: buffer.st_gid,
            represents: DeviceNumber(statDevice: UInt64(buffer.st_rdev)))
    }

    /// `strerror(3)` in the words that every user of this machine knows.
    static func text(_ errno: Errno) -> String { errno.description }

    static func environment(_ name: String) -> ByteString? {
        guard let value = getenv(name) else { return nil }
        return ByteString(
            UnsafeBufferPointer(start: value, count: strlen(value)).map {
                UInt8(bitPattern: $0)
            })
    }

    static func workingDirectory() -> ByteString? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return nil }
        return ByteString(buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
    }

    /// Whether people here read UTF-8 (LC_ALL, LC_CTYPE, LANG).
    static func localeIsUTF8() -> Bool {
        setlocale(LC_ALL, "")
        guard let codeset = nl_langinfo(nl_item(CODESET)) else { return false }
        return strcmp(codeset, "UTF-8") == 0
    }

    /// Calls `body` with an argument vector.
    static func withWords<Result>(
        _ words: [ByteString],
        _ body: (_ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { word in
            word.withCString { strdup($0) }
        }
        defer { pointers.forEach { free($0) } }
        pointers.append(nil)
        return pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a vector of one") }
            return body(base)
        }
    }

    /// Runs a program, found in PATH, and waits for its end. Nil: it couldn't be started.
    @discardableResult
    static func runAndWait(_ words: [ByteString]) -> Int32? {
        guard let program = words.first else { return nil }
        var child = pid_t()
        let failure = withWords(words) { arguments in
            program.withCString { posix_spawnp(&child, $0, nil, nil, arguments, environ) }
        }
        guard failure == 0 else { return nil }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }

    /// Becomes another program; returns only why not.
    static func execute(_ program: ByteString, _ words: [ByteString]) -> Errno {
        withWords(words) { arguments in
            program.withCString { path in
                execv(path, arguments)
                return Errno(rawValue: errno)
            }
        }
    }

    /// A file that this process may execute.
    static func isExecutable(_ path: ByteString) -> Bool {
        guard let status = try? status(of: path), status.mode & S_IFMT == S_IFREG else {
            return false
        }
        return path.withCString { access($0, X_OK) } == 0
    }

    /// File capabilities, which make its process a privileged one.
    static func hasCapabilities(_ path: ByteString) -> Bool {
        path.withCString { clinux_has_capabilities($0) } != 0
    }

    /// The first bytes of a file; nil: it can't be read.
    static func head(of path: ByteString, count: Int) -> [UInt8]? {
        let descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let filled = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return filled < 0 ? nil : Array(bytes[..<filled])
    }

    static func sleep(_ milliseconds: UInt32) {
        var time = timespec(
            tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        var left = timespec()
        while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
    }

    static func isTerminal(_ descriptor: CInt) -> Bool { isatty(descriptor) == 1 }

    /// Columns of the terminal behind standard output; nil if it is none.
    static func terminalWidth() -> Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 3 else {
            return nil
        }
        return Int(size.ws_col)
    }
}
