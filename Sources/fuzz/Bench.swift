#if FUZZING
    import DMTestSupport
    import DeviceMapper
    import Glibc
    import SystemPackage

    @testable import DMCommandLine
    @testable import DMControl

    /// What one case runs on: a registry over stores in memory, and two devices to begin with.
    final class Bench {
        let devices = MemoryDevices()
        private let session: ControlSession
        private let executor: CommandExecutor
        private static let stores = ["s", "t"]
        private static let configuration = ServerConfiguration(
            socketPath: "", owner: 0, mountPoint: ByteString("/nowhere"), mountDevice: .max)

        init() {
            for store in Bench.stores { devices.addStore(store, sectors: 32) }
            session = ControlSession(devices.registry, resolver: devices)
            executor = CommandExecutor(registry: devices.registry, session: session)
            do {
                // What stands on a store would be flushed at every end, on another thread.
                try devices.create("a", "0 16 zero\n16 16 error")
                try devices.load("a", "0 16 linear s 0\n16 16 striped 2 8 s 16 t 16")
                _ = try devices.registry.create(name: ByteString("b"), uuid: .empty, minor: nil)
            } catch {
                preconditionFailure("\(error)")
            }
        }

        /// Takes everything away, and looks whether it went.
        func end() {
            do throws(DMError) {
                try devices.shutDown()
            } catch {
                preconditionFailure("no end: \(error)")
            }
            for store in Bench.stores {
                precondition(devices.users(of: store) == 0, "a table still has \(store) open")
            }
        }

        func run(_ surface: Case.Surface, _ bytes: [UInt8]) {
            switch surface {
            case .request: request(bytes)
            case .reply: reply(bytes)
            case .frames: frames(bytes)
            case .table: table(bytes)
            case .concise: concise(bytes)
            case .selection: SelectionSurface.run(bytes)
            case .log: LogSurface.run(bytes)
            }
        }

        // MARK: Requests and replies

        private func request(_ bytes: [UInt8]) {
            guard bytes.count >= 4 else { return }
            let number = CommandNumber(rawValue: bytes.number(at: 0))
            var argument = Array(bytes[4...])
            let size = argument.count
            // A wait would last for ever, with nobody else here.
            let interrupt = Interrupt()
            interrupt.raise()
            let reply = executor.execute(number, &argument, interrupt).reply
            precondition(reply.bytes.count <= size, "a reply longer than its buffer")
            guard reply.errno == nil, let command = number.command, command != .version,
                reply.bytes.count >= DMIoctl.dataOffset
            else { return }
            let head = DMIoctl(reading: reply.bytes)
            precondition(Int(head.dataSize) <= size, "a reply that claims more than its buffer")
            guard !head.flags.contains(.bufferFull) else { return }
            do throws(DMError) {
                try Bench.parse(command, reply.bytes)
            } catch {
                preconditionFailure("our client refuses our reply: \(error)")
            }
        }

        /// For seeds: what a request is answered.
        func answer(to request: [UInt8]) -> [UInt8] {
            var argument = Array(request[4...])
            let interrupt = Interrupt()
            interrupt.raise()
            let number = CommandNumber(rawValue: request.number(at: 0))
            return executor.execute(number, &argument, interrupt).reply.bytes
        }

        private func reply(_ bytes: [UInt8]) {
            guard let first = bytes.first else { return }
            let commands = DMCommand.allCases
            let command = commands[Int(first) % commands.count]
            let reply = Array(bytes[1...])
            if reply.count >= ControlProtocol.helloAnswerSize { _ = HelloAnswer(reading: reply) }
            // What a daemon sends may be anything: an error is an answer too.
            guard reply.count >= DMIoctl.dataOffset else { return }
            try? Bench.parse(command, reply)
        }

        /// As `ControlClient` does.
        private static func parse(_ command: DMCommand, _ bytes: [UInt8]) throws(DMError) {
            let answer = ControlClient.Answer(head: DMIoctl(reading: bytes), bytes: bytes)
            switch command {
            case .listDevices:
                _ = try NameListEntry.decode(bytes, dataStart: answer.head.dataStart)
            case .tableDependencies:
                _ = try Dependencies.decode(bytes, dataStart: answer.head.dataStart)
            case .tableStatus, .deviceWait: _ = try ControlClient.lines(of: answer)
            case .listVersions, .getTargetVersion:
                _ = try TargetVersionEntry.decode(bytes, dataStart: answer.head.dataStart)
            case .targetMessage: _ = ControlClient.text(of: answer)
            default: _ = answer.status
            }
        }

        // MARK: Frames

        /// Serves a client that sends `bytes` and then nothing more.
        private func frames(_ bytes: [UInt8]) {
            do throws(DMError) {
                let pair = try UnixSocket.pair()
                try pair.near.send(Bench.upToAWait(bytes))
                Glibc.shutdown(pair.near.descriptor, CInt(SHUT_WR))
                try Bench.drain(dup(pair.near.descriptor))
                let far = UnixSocket(adopting: dup(pair.far.descriptor))
                let list = ConnectionList(maximum: 1, idleMilliseconds: 0)
                let connection = Connection(
                    far, devices.registry, Bench.configuration, try HangupWatch(), list
                ) { _, _ in OwnReply(errno: .notSupported) }
                precondition(list.enter(connection))
                connection.serve()
                list.leave(connection)
            } catch {
                preconditionFailure("no socket: \(error)")
            }
        }

        /// Reads the answers away to their end, or the server would wait for room.
        private static func drain(_ descriptor: CInt) throws(DMError) {
            try Thread.start("fuzz-drain") {
                var bytes = [UInt8](repeating: 0, count: 4096)
                while read(descriptor, &bytes, bytes.count) > 0 {}
                close(descriptor)
            }
        }

        /// Without the first frame that waits for an event, and what follows.
        private static func upToAWait(_ bytes: [UInt8]) -> [UInt8] {
            guard bytes.count >= ControlProtocol.helloHeadSize else { return bytes }
            var position = ControlProtocol.helloHeadSize + Int(bytes.number(UInt32.self, at: 12))
            while position + ControlProtocol.requestHeadSize <= bytes.count {
                let number = CommandNumber(rawValue: bytes.number(at: position))
                if number.ownCommand == .waitForEvent || number.command == .deviceWait {
                    return Array(bytes[..<position])
                }
                position += ControlProtocol.requestHeadSize
                position += Int(bytes.number(UInt32.self, at: position - 4))
            }
            return bytes
        }

        // MARK: Texts

        private func load(_ lines: [TableLine]) {
            _ = try? devices.registry.load(
                .name(ByteString("b")), lines: lines, readOnly: false, resolver: devices)
            _ = try? devices.registry.resume(.name(ByteString("b")))
            _ = try? devices.registry.tableStatus(
                .name(ByteString("b")), .table(paths: true), inactive: false)
        }

        private func table(_ bytes: [UInt8]) {
            guard let lines = try? TableText.parse(bytes, source: "") else { return }
            load(lines)
        }

        private func concise(_ bytes: [UInt8]) {
            var text = ConciseText(bytes)
            while let device = try? text.next() {
                _ = ConciseText.quoted(device.name.bytes)
                guard let lines = try? TableText.parse(device.table, source: "") else { continue }
                load(lines)
            }
        }
    }
#endif
