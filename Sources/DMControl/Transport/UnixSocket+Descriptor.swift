import DeviceMapper
import Glibc
import SystemPackage

/// Passing one descriptor along (SCM_RIGHTS). The CMSG macros do not reach Swift: a control message
/// is u64 length, s32 level, s32 type, then the descriptors, and its whole is 8-aligned.
extension UnixSocket {
    private static let messageHead = 16
    /// Room for one descriptor, which alignment makes room for two.
    private static let messageSpace = 24

    /// Sends all of `bytes`, the descriptor with the first of them.
    func send(_ bytes: [UInt8], passing passed: CInt) throws(DMError) {
        var control: [UInt8] = []
        control.append(number: UInt64(UnixSocket.messageHead + 4))
        control.append(number: Int32(SOL_SOCKET))
        control.append(number: Int32(SCM_RIGHTS))
        control.append(number: passed)
        control.append(number: Int32(0))
        var data = bytes
        while true {
            var failure: Errno?
            let sent = withMessage(data: &data, control: &control) { message in
                let sent = sendmsg(descriptor, &message, CInt(MSG_NOSIGNAL))
                if sent < 0 { failure = .current }
                return sent
            }
            if failure == .interrupted { continue }
            if let failure { throw DMError(failure, "control socket") }
            if sent < bytes.count { try send(Array(bytes[sent...])) }
            return
        }
    }

    /// Receives exactly `count` bytes, at least one, and the descriptor that came with the first of
    /// them, unless this process has no room for it. Nil if the peer closed at once. More descriptors
    /// than one are closed; those that come with bytes that `receive` takes the kernel drops.
    /// ETIMEDOUT as in `receive`.
    func receiveWithDescriptor(
        _ count: Int, until deadline: Deadline
    ) throws(DMError) -> (bytes: [UInt8], passed: PassedDescriptor?)? {
        var control = [UInt8](repeating: 0, count: UnixSocket.messageSpace)
        var data = [UInt8](repeating: 0, count: count)
        var controlLength = 0
        var received = 0
        while true {
            try wait(for: POLLIN, until: deadline)
            var failure: Errno?
            received = withMessage(data: &data, control: &control) { message in
                let flags = CInt(MSG_CMSG_CLOEXEC) | CInt(MSG_DONTWAIT)
                let received = recvmsg(descriptor, &message, flags)
                if received < 0 { failure = .current }
                controlLength = Int(message.msg_controllen)
                return received
            }
            guard let failure else { break }
            if !UnixSocket.isPassing(failure, deadline) {
                throw DMError(failure, "control socket")
            }
        }
        let passed = UnixSocket.passedDescriptor(in: control, length: controlLength)
        if received == 0 { return nil }
        if received == count { return (data, passed) }
        guard let rest = try receive(count - received, until: deadline) else {
            throw DMError(.connectionReset, "control socket: cut in the middle")
        }
        return (Array(data[..<received]) + rest, passed)
    }

    private static func passedDescriptor(in control: [UInt8], length: Int) -> PassedDescriptor? {
        guard length >= messageHead + 4, length <= control.count,
            control.number(Int32.self, at: 8) == SOL_SOCKET,
            control.number(Int32.self, at: 12) == Int32(SCM_RIGHTS)
        else { return nil }
        let end = min(Int(control.number(UInt64.self, at: 0)), length)
        var passed: PassedDescriptor?
        for offset in stride(from: messageHead, through: end - 4, by: 4) {
            let descriptor = PassedDescriptor(adopting: control.number(at: offset))
            if passed == nil { passed = descriptor }
        }
        return passed
    }

    private func withMessage(
        data: inout [UInt8], control: inout [UInt8], _ body: (inout msghdr) -> Int
    ) -> Int {
        data.withUnsafeMutableBytes { data in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return body(&message)
                }
            }
        }
    }
}

/// A descriptor that came over a socket; closed when nobody holds it any more.
final class PassedDescriptor: Sendable {
    let descriptor: CInt

    init(adopting descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    var fileDescriptor: FileDescriptor { FileDescriptor(rawValue: descriptor) }

    /// Opened with O_PATH and O_DIRECTORY. Asks the descriptor, not the file system: that may be
    /// our own, or hang.
    var isDirectoryPath: Bool {
        let flags = fcntl(descriptor, F_GETFL)
        let wanted = OpenFlags.path | O_DIRECTORY
        return flags >= 0 && flags & wanted == wanted
    }
}
