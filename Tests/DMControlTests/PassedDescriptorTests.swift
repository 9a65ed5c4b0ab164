import DeviceMapper
import Foundation
import SystemPackage
import Testing

@testable import DMControl

/// Descriptors that clients pass: one is kept as long as the client, the others are closed.
@Suite struct PassedDescriptorTests {
    /// A pipe, to see by its end whether anybody holds the descriptor that was passed.
    private struct Probe {
        var ends: [CInt] = [-1, -1]

        init() throws { try #require(pipe(&ends) == 0) }

        /// Nobody has the writing end: neither this process, once it has closed its own, nor a
        /// message on its way.
        func expectReleased(_ what: String) {
            close(ends[1])
            eventually("\(what) is closed") {
                var polled = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
                return poll(&polled, 1, 0) == 1 && polled.revents & Int16(POLLHUP) != 0
            }
            close(ends[0])
        }
    }

    /// One message with so many descriptors.
    private func send(_ bytes: [UInt8], _ descriptors: [CInt], on socket: borrowing UnixSocket) {
        let length = 16 + 4 * descriptors.count
        var control: [UInt8] = []
        control.append(number: UInt64(length))
        control.append(number: Int32(SOL_SOCKET))
        control.append(number: Int32(SCM_RIGHTS))
        for descriptor in descriptors { control.append(number: descriptor) }
        control = padded(control, to: aligned(length))
        var data = bytes
        let sent = data.withUnsafeMutableBytes { data in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return sendmsg(socket.descriptor, &message, CInt(MSG_NOSIGNAL))
                }
            }
        }
        #expect(sent == bytes.count)
    }

    private func directory(_ path: String) -> CInt {
        open(path, OpenFlags.path | O_DIRECTORY | O_CLOEXEC)
    }

    @Test(
        "of many descriptors with a hello the first is kept, the others are closed",
        arguments: [1, 2, 3, 100, 252])
    func manyWithHello(count: Int) throws {
        let fixture = try ServerFixture()
        let probe = try Probe()
        let here = directory(fixture.directory.path)
        let socket = try UnixSocket.connect(to: ByteString(fixture.path))
        let extra = [CInt](repeating: probe.ends[1], count: count)
        send(Hello.encode(deviceDirectory: "/dev"), [here] + extra, on: socket)
        close(here)
        let bytes = try #require(try socket.receive(ControlProtocol.helloAnswerSize))
        #expect(HelloAnswer(reading: bytes).errno == nil)
        probe.expectReleased("what was passed")
    }

    @Test("a working directory that is none is closed, as is one of a hello that is refused")
    func refusedHello() throws {
        let fixture = try ServerFixture()
        for hello in [Hello.encode(deviceDirectory: "/dev"), [UInt8](repeating: 1, count: 20)] {
            let probe = try Probe()
            let socket = try UnixSocket.connect(to: ByteString(fixture.path))
            send(hello, [probe.ends[1]], on: socket)
            let bytes = try #require(try socket.receive(ControlProtocol.helloAnswerSize))
            #expect(HelloAnswer(reading: bytes).errno != nil)
            probe.expectReleased("what was passed")
        }
    }

    @Test("descriptors that come later, with a hello's rest or a request, are closed")
    func later() throws {
        let fixture = try ServerFixture()
        let (first, second) = (try Probe(), try Probe())
        let box = UnixSocketBox(try UnixSocket.connect(to: ByteString(fixture.path)))
        let hello = Hello.encode(deviceDirectory: "/dev")
        try box.socket.send(Array(hello[..<3]))
        eventually("the hello's beginning is taken") { box.isDrained }
        send(Array(hello[3...]), [first.ends[1], first.ends[1]], on: box.socket)
        let answer = try #require(try box.socket.receive(ControlProtocol.helloAnswerSize))
        #expect(HelloAnswer(reading: answer).errno == nil)
        first.expectReleased("what came with the hello's rest")
        let request = hex("00 fd 38 c1 31 01 00 00") + argument(size: 305)
        send(Array(request[..<10]), [second.ends[1]], on: box.socket)
        send(Array(request[10...]), [second.ends[1], second.ends[1]], on: box.socket)
        let reply = try #require(try box.socket.receive(ControlProtocol.replyHeadSize))
        #expect(reply.number(Int32.self, at: 0) == 0)
        second.expectReleased("what came with a request")
    }

    @Test("a client that goes takes its working directory along")
    func goneClient() throws {
        let fixture = try ServerFixture()
        let below = "\(fixture.directory.path)/below"
        mkdir(below, 0o700)
        let here = directory(below)
        let box = UnixSocketBox(try UnixSocket.connect(to: ByteString(fixture.path)))
        try box.socket.send(Hello.encode(deviceDirectory: "/dev"), passing: here)
        close(here)
        _ = try #require(try box.socket.receive(ControlProtocol.helloAnswerSize))
        func isHeld() -> Bool {
            let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return open.contains {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
                    == below
            }
        }
        #expect(isHeld())
        box.close()
        eventually("the working directory is closed") { !isHeld() }
    }
}
