import DMControl
import DeviceMapper
import Glibc
import SystemPackage
import Testing

@testable import DMCommandLine

/// Where the control socket is.
@Suite struct RuntimeDirectoryTests {
    /// A place of the test's own for all that is chosen from.
    private let fixture: DaemonFixture
    private var base: String { fixture.directory }
    private var chooser: RuntimeDirectory

    init() throws {
        fixture = try DaemonFixture()
        let base = fixture.directory
        for name in ["system", "login", "shared"] { mkdir("\(base)/\(name)", 0o700) }
        chooser = RuntimeDirectory(
            user: getuid(), login: ByteString("\(base)/login"),
            system: ByteString("\(base)/system/dmfuse"), shared: ByteString("\(base)/shared"))
    }

    private func names(_ directory: String) -> [String] {
        DirectoryNames.read(ByteString("\(base)/\(directory)")).map(\.string).sorted()
    }

    private func mode(_ path: ByteString) throws -> UInt32 {
        try SystemCalls.status(of: path).mode & 0o777
    }

    private func expect(_ directory: RuntimeDirectory, _ path: String) throws {
        let chosen = try directory.prepare()
        #expect(chosen == ByteString("\(base)/\(path)"))
        #expect(try mode(chosen) == 0o700)
        // Again, now that it is there.
        #expect(try directory.prepare() == chosen)
    }

    @Test("the system's for root, the login's, one in the shared directory: the first that will do")
    func order() throws {
        let user = "\(getuid())"
        var chooser = chooser
        if getuid() == 0 { try expect(chooser, "system/dmfuse") }
        chooser.system = ByteString("\(base)/none/dmfuse")
        try expect(chooser, "login/dmfuse")
        for login in ["relative", "", "\(base)/none", "\(base)/socket"] {
            chooser.login = ByteString(login)
            try expect(chooser, "shared/dmfuse-\(user)")
        }
        chooser.login = nil
        try expect(chooser, "shared/dmfuse-\(user)")
    }

    @Test("a login's directory that others may write to is left alone")
    func openLogin() throws {
        chmod("\(base)/login", 0o777)
        var chooser = chooser
        chooser.system = ByteString("\(base)/socket")
        try expect(chooser, "shared/dmfuse-\(getuid())")
        #expect(names("login") == [])
    }

    @Test("where all names are taken another is made, of which nobody knew, and used again")
    func takenNames() throws {
        let user = "\(getuid())"
        var chooser = chooser
        // Others' in every way: a file, a link to a good directory, one that is open to others.
        chooser.system = ByteString("\(base)/system/file")
        close(open("\(base)/system/file", O_WRONLY | O_CREAT, 0o600))
        mkdir("\(base)/good", 0o700)
        symlink("\(base)/good", "\(base)/login/dmfuse")
        mkdir("\(base)/shared/dmfuse-\(user)", 0o700)
        chmod("\(base)/shared/dmfuse-\(user)", 0o755)
        mkdir("\(base)/shared/dmfuse-\(user)-000000", 0o700)
        chmod("\(base)/shared/dmfuse-\(user)-000000", 0o777)
        symlink("\(base)/good", "\(base)/shared/dmfuse-\(user)-000001")

        let chosen = try chooser.prepare()
        #expect(chosen.hasPrefix(ByteString("\(base)/shared/dmfuse-\(user)-")))
        #expect(try mode(chosen) == 0o700)
        #expect(try chooser.prepare() == chosen)
        #expect(names("shared").count == 4)
        #expect(names("good") == [])
    }

    @Test("without any place the line says what to set")
    func nowhere() throws {
        var chooser = chooser
        chooser.system = ByteString("\(base)/none/dmfuse")
        chooser.login = nil
        chooser.shared = ByteString("\(base)/none")
        let error = #expect(throws: DMError.self) { try chooser.prepare() }
        #expect(error?.errno == .noSuchFileOrDirectory)
        #expect(error?.message.hasSuffix(": set DMFUSE_RUNTIME_DIR") == true)
    }

    @Test("the one that is given is used, and made")
    func given() throws {
        var chooser = chooser
        chooser.given = ByteString("\(base)/mine")
        try expect(chooser, "mine")
        chooser.given = .empty
        #expect(try chooser.prepare() != ByteString("\(base)/mine"))
    }

    @Test("a given one that can't be used is refused by name, and no other is taken")
    func givenUnusable() throws {
        mkdir("\(base)/good", 0o700)
        symlink("\(base)/good", "\(base)/link")
        mkdir("\(base)/open", 0o700)
        chmod("\(base)/open", 0o710)
        let cases: [(String, Errno)] = [
            ("relative", .invalidArgument), ("\(base)/link", .notPermitted),
            ("\(base)/open", .notPermitted), ("\(base)/socket", .notPermitted),
            ("\(base)/none/below", .noSuchFileOrDirectory),
        ]
        for (path, errno) in cases {
            var chooser = chooser
            chooser.given = ByteString(path)
            let error = #expect(throws: DMError.self) { try chooser.prepare() }
            #expect(error?.errno == errno, "\(path)")
            #expect(error?.message.hasPrefix("DMFUSE_RUNTIME_DIR \(path)") == true)
        }
        var chooser = chooser
        chooser.given = ByteString("\(base)/good")
        chooser.user = getuid() + 1
        #expect(throws: DMError.self) { try chooser.prepare() }
        for directory in ["system", "login", "shared", "good"] { #expect(names(directory) == []) }
    }

    @Test("a mode that a umask made too narrow is mended", arguments: [0, 0o100, 0o500])
    func narrowMode(mode: mode_t) throws {
        mkdir("\(base)/narrow", 0o700)
        chmod("\(base)/narrow", mode)
        var chooser = chooser
        chooser.given = ByteString("\(base)/narrow")
        try expect(chooser, "narrow")
    }

    // MARK: Sockets

    @Test("sockets of killed daemons are removed, whoever has their number, and no others")
    func deadSockets() throws {
        var chooser = chooser
        let long = String(repeating: "l", count: 120)
        chooser.given = ByteString("\(base)/\(long)")
        let directory = try chooser.prepare()
        // No process has this number: the kernel's largest is 2^22.
        let gone: Int32 = 1 << 30
        let dead = RuntimeDirectory.socket(in: directory, process: gone)
        let reused = RuntimeDirectory.socket(in: directory, process: getpid())
        let link = directory + ByteString("/1.control")
        let file = directory + ByteString("/2.control")
        let other = directory + ByteString("/\(gone).other")
        // The first name of one that was killed before it had its own.
        let unnamed = dead + ByteString(".3w5e11264sgsf")
        for path in [dead, reused, other, unnamed] { try leaveSocket(path, in: directory) }
        symlink(dead.string, link.string)
        close(open(file.string, O_WRONLY | O_CREAT, 0o600))
        let registry = DeviceRegistry(RegistryConfiguration(mappedMajor: 254, backingMajor: 7))
        let alive = RuntimeDirectory.socket(in: directory, process: gone - 1)
        let server = try ControlServer(
            registry,
            ServerConfiguration(
                socketPath: alive, owner: getuid(), mountPoint: .empty, mountDevice: .max)
        ) { _, _ in OwnReply(errno: .inappropriateIOCTLForDevice) }
        RuntimeDirectory.removeDeadSockets(in: directory)
        let left = Set(DirectoryNames.read(directory))
        #expect(left == Set([link, file, other, alive].map(\.lastComponent)))
        server.stop()
    }

    @Test("a socket's name is one that no process of that number has")
    func socketNames() throws {
        let directory = try chooser.prepare()
        let first = RuntimeDirectory.socket(in: directory, process: 12)
        #expect(first.lastComponent == ByteString("12.control"))
        try leaveSocket(first, in: directory)
        let second = RuntimeDirectory.socket(in: directory, process: 12)
        #expect(second.lastComponent == ByteString("12-2.control"))
    }

    /// Binds a socket and leaves it behind, as a killed daemon does.
    private func leaveSocket(_ path: ByteString, in directory: ByteString) throws {
        let opened = open(directory.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(opened) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let reached = Array("/proc/self/fd/\(opened)/\(path.lastComponent.string)".utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: reached) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        try #require(result == 0)
    }
}
