import DeviceMapper
import Glibc

/// A program that is to run with a preloaded library, as its file tells of it.
struct ProgramFile {
    let path: ByteString

    init(_ path: ByteString) { self.path = path }

    /// As execvp(3) finds it; nil: nowhere.
    static func find(
        _ name: ByteString, path: ByteString? = SystemCalls.environment("PATH")
    ) -> ByteString? {
        if name.bytes.contains(UInt8(ascii: "/")) {
            return (try? SystemCalls.status(of: name)) == nil ? nil : name
        }
        guard !name.isEmpty else { return nil }
        let directories = (path ?? ByteString("/bin:/usr/bin")).bytes.split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for directory in directories {
            let place = directory.isEmpty ? ByteString(".") : ByteString(directory)
            let candidate = place + ByteString("/") + name
            if SystemCalls.isExecutable(candidate) { return candidate }
        }
        return nil
    }

    /// Why a preloaded library would not reach it; nil: nothing is known to be in the way.
    func hindrance(isRoot: Bool = geteuid() == 0) -> String? {
        var path = self.path
        // A script is run by another program, which may be a script (4 times, as in the kernel).
        for _ in 0..<5 {
            guard let head = SystemCalls.head(of: path, count: Self.headSize) else {
                // Not readable, yet perhaps executable: exec says so, or it is as it should be.
                return nil
            }
            if let interpreter = Self.interpreter(ofScript: head) {
                path = interpreter
                continue
            }
            if !isRoot, let privileged = Self.privilege(of: path) { return privileged }
            return ELFHead(head)?.hindrance(isMachineOurs: Self.isMachineOurs)
        }
        return nil
    }

    /// Program headers stand in front in every linker's output.
    private static let headSize = 4096

    private static func privilege(of path: ByteString) -> String? {
        guard let status = try? SystemCalls.status(of: path) else { return nil }
        let text =
            "which the dynamic linker loads nothing into for an ordinary user; run it as root"
        if status.mode & S_ISUID != 0 && status.owner != geteuid()
            || status.mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP && status.group != getegid()
        {
            return "it is a setuid program, \(text)"
        }
        if SystemCalls.hasCapabilities(path) { return "it has capabilities of its own, \(text)" }
        return nil
    }

    /// What stands behind "#!".
    private static func interpreter(ofScript head: [UInt8]) -> ByteString? {
        guard head.starts(with: Array("#!".utf8)) else { return nil }
        let blanks = Array(" \t".utf8)
        let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
        let word = line.drop(while: blanks.contains).prefix { !blanks.contains($0) }
        return word.isEmpty ? nil : ByteString(word)
    }

    private static func isMachineOurs(_ head: ELFHead) -> Bool {
        guard let bytes = SystemCalls.head(of: ByteString("/proc/self/exe"), count: headSize),
            let own = ELFHead(bytes)
        else { return true }
        return own.machine == head.machine && own.isWide == head.isWide
    }
}
