import DMTestSupport
import DeviceMapper
import Glibc
import Testing

@testable import DMCommandLine

/// Which programs `dmfuse run` can serve, and what it tells them.
@Suite struct RunTests {
    /// An ELF file of this machine's kind: its head, one program header, the interpreter's path.
    private static func program(interpreter: String?, wide: Bool = true) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.replaceSubrange(0..<6, with: [0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1])
        bytes[18] = 62
        let (start, size, count) = wide ? (32, 54, 56) : (28, 42, 44)
        bytes[start] = 64
        bytes[size] = wide ? 56 : 32
        guard let interpreter else { return bytes }
        bytes[count] = 1
        var header = [UInt8](repeating: 0, count: wide ? 56 : 32)
        header[0] = 3
        header[wide ? 8 : 4] = UInt8(64 + header.count)
        return bytes + header + Array(interpreter.utf8) + [0]
    }

    @Test("a program's dynamic linker tells whether it can be served")
    func interpreters() throws {
        let plain = try #require(ELFHead(Self.program(interpreter: "/lib64/ld-linux.so.2")))
        #expect(plain.interpreter == ByteString("/lib64/ld-linux.so.2"))
        #expect(plain.hindrance { _ in true } == nil)
        #expect(plain.hindrance { _ in false }?.contains("another kind of machine") == true)
        let narrow = try #require(
            ELFHead(Self.program(interpreter: "/lib/ld-linux.so.2", wide: false)))
        #expect(narrow.interpreter == ByteString("/lib/ld-linux.so.2") && !narrow.isWide)
        let musl = try #require(ELFHead(Self.program(interpreter: "/lib/ld-musl-x86_64.so.1")))
        #expect(musl.hindrance { _ in true }?.contains("musl") == true)
        let still = try #require(ELFHead(Self.program(interpreter: nil)))
        #expect(still.hindrance { _ in true }?.contains("statically linked") == true)
    }

    @Test("whatever is in a file, reading its head ends well")
    func garbage() {
        let whole = Self.program(interpreter: "/lib64/ld-linux.so.2")
        for length in 0..<whole.count { _ = ELFHead(Array(whole[..<length])) }
        var random = SeededGenerator(seed: 4)
        for _ in 0..<10_000 {
            var bytes = whole
            for _ in 0..<8 {
                let place = Int.random(in: 4..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            _ = ELFHead(bytes)?.hindrance { _ in true }
        }
        #expect(ELFHead(Array("#!/bin/sh\n".utf8)) == nil)
    }

    @Test("the library comes last, and once")
    func preload() throws {
        let mount = MountDirectory(path: ByteString("/m"), deviceDirectory: ByteString("/dev"))
        let library = ByteString("/l/libdmfuse-preload.so")
        func preloaded(_ before: String?) throws -> String? {
            let environment = try PreloadEnvironment(
                mount: mount, mappedMajor: 252, library: library, reasons: nil,
                loaded: before.map { ByteString($0) })
            return environment.variables.first { $0.name == "LD_PRELOAD" }?.value.string
        }
        #expect(try preloaded(nil) == "/l/libdmfuse-preload.so")
        #expect(try preloaded("") == "/l/libdmfuse-preload.so")
        #expect(try preloaded("/x.so /y.so") == "/x.so:/y.so:/l/libdmfuse-preload.so")
        #expect(
            try preloaded("/l/libdmfuse-preload.so:/x.so") == "/x.so:/l/libdmfuse-preload.so")
        for path in ["/a b/l.so", "/a:b/l.so"] {
            #expect(throws: Refusal.self) {
                try PreloadEnvironment(
                    mount: mount, mappedMajor: 252, library: ByteString(path), reasons: nil,
                    loaded: nil)
            }
        }
    }

    @Test("lvm gets a directory of the user's own, with the machine's settings, kept up to date")
    func lvm() throws {
        let fixture = try DaemonFixture()
        let base = fixture.directory
        let lvm = LVMDirectory(machine: ByteString("\(base)/etc"))
        #expect(!lvm.isNeeded)
        mkdir("\(base)/etc", 0o755)
        let odd = "\(base)/a\"b"
        mkdir(odd, 0o700)
        let path = try #require(lvm.prepare(in: ByteString(odd)))
        #expect(path == ByteString("\(odd)/lvm"))
        #expect(BackingPaths.readLink("\(path)/lvm.conf") == ByteString("\(base)/etc/lvm.conf"))
        #expect(try SystemCalls.status(of: "\(path)/lock").mode & 0o777 == 0o700)
        func settings() throws -> String {
            String(decoding: try SystemCalls.contents(of: "\(path)/lvmlocal.conf"), as: UTF8.self)
        }
        #expect(try settings().contains(#"locking_dir = "\#(base)/a\"b/lvm/lock""#))
        let before = try SystemCalls.status(of: "\(path)/lvmlocal.conf").inode
        #expect(lvm.prepare(in: ByteString(odd)) == path)
        #expect(try SystemCalls.status(of: "\(path)/lvmlocal.conf").inode == before)
        let file = open("\(base)/etc/lvmlocal.conf", O_WRONLY | O_CREAT, 0o644)
        SystemCalls.write(Array("local {}\n".utf8), to: file)
        close(file)
        #expect(lvm.prepare(in: ByteString(odd)) == path)
        #expect(try settings().hasPrefix("local {}\n"))
        #expect(
            DirectoryNames.read(path).map(\.string).sorted()
                == ["lock", "lvm.conf", "lvmlocal.conf", "profile"])
        #expect(lvm.prepare(in: ByteString("\(base)/none")) == nil)
    }

    @Test("a program is found as execvp finds it")
    func find() {
        let path = ByteString("/nowhere:/usr/bin:/bin")
        #expect(ProgramFile.find(ByteString("sh"), path: path) == ByteString("/usr/bin/sh"))
        #expect(ProgramFile.find(ByteString("no-such"), path: path) == nil)
        #expect(ProgramFile.find(ByteString("/bin/sh"), path: nil) == ByteString("/bin/sh"))
        #expect(ProgramFile.find(ByteString("/bin/no-such"), path: path) == nil)
        #expect(ProgramFile.find(ByteString(""), path: path) == nil)
    }
}
