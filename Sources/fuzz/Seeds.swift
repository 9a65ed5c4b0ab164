#if FUZZING
    import DeviceMapper

    @testable import DMControl

    /// Cases to start from: every command as it should be, and texts that are right.
    enum Seeds {
        static var all: [[UInt8]] {
            requests.map { Case.encode([(.request, $0)]) }
                + [Case.encode(requests.map { (.request, $0) })]
                + replies.map { Case.encode([(.reply, $0)]) }
                + [Case.encode([(.frames, conversation)])]
                + texts.map { Case.encode([($0, Array($1.utf8))]) }
        }

        private static func number(_ number: UInt32) -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.append(number: number)
            return bytes
        }

        private static func request(
            _ command: DMCommand, _ name: String = "a", flags: DMFlags = [], count: UInt32 = 0,
            data: [UInt8]
        ) -> [UInt8] {
            var head = DMIoctl(flags: flags)
            head.name = ByteString(name)
            head.targetCount = count
            head.eventNumber = 9
            return number(CommandNumber(command).rawValue) + head.request(data: data)
        }

        private static var requests: [[UInt8]] {
            let room = [UInt8](repeating: 0, count: 512)
            var table: [UInt8] = []
            TargetSpec.encodeLoad(
                [
                    line(0, 8, "linear", "s 8"), line(8, 16, "striped", "2 8 s 0 t 0"),
                    line(24, 8, "zero", ""), line(32, 8, "error", ""), line(40, 8, "linear", "a 0"),
                ], appendingTo: &table)
            var seeds = DMCommand.allCases.map { request($0, data: room) }
            seeds += [
                request(.deviceCreate, "c", data: []),
                request(.deviceCreate, "c", flags: .persistentDevice, data: []),
                request(.deviceRename, "a", data: Array("n\0".utf8)),
                request(.deviceRename, "a", flags: .uuid, data: Array("u\0".utf8)),
                request(.tableLoad, "b", count: 5, data: table),
                request(.tableLoad, "b", flags: [.readOnly, .secureData], count: 5, data: table),
                request(.deviceSuspend, "b", data: []),
                request(.deviceSuspend, "a", flags: [.suspend, .noflush], data: []),
                request(.tableStatus, flags: .statusTable, data: room),
                request(.tableStatus, flags: [.statusTable, .queryInactiveTable], data: room),
                request(.tableDependencies, data: room),
                request(.targetMessage, data: [UInt8](repeating: 0, count: 8) + Array("hi\0".utf8)),
                request(.deviceSetGeometry, data: Array("1 2 3 4\0".utf8)),
                request(.listDevices, "", flags: .uuid, data: room),
                request(.listVersions, "", data: room),
                request(.getTargetVersion, "linear", data: room),
                request(.removeAll, "", flags: .deferredRemove, data: []),
                number(CommandNumber(DMFuseCommand.tableStatusWithPaths).rawValue)
                    + request(.tableStatus, flags: .statusTable, data: room).dropFirst(4),
                number(CommandNumber(DMFuseCommand.limits).rawValue)
                    + request(.deviceStatus, data: room).dropFirst(4),
            ]
            return seeds
        }

        private static func line(
            _ start: UInt64, _ length: UInt64, _ type: String, _ parameters: String
        ) -> TableLine {
            TableLine(
                start: start, length: length, targetType: ByteString(type),
                parameters: ByteString(parameters))
        }

        /// What the requests are answered, each behind its command's number.
        private static var replies: [[UInt8]] {
            let bench = Bench()
            defer { bench.end() }
            return requests.compactMap { request in
                let command = CommandNumber(rawValue: request.number(at: 0)).command
                guard let command else { return nil }
                return [command.rawValue] + bench.answer(to: request)
            }
        }

        private static var conversation: [UInt8] {
            Hello.encode(deviceDirectory: "/dev")
                + requests.flatMap { request in
                    request.prefix(4) + number(UInt32(request.count - 4)) + request.dropFirst(4)
                }
        }

        private static let texts: [(Case.Surface, String)] = [
            (.table, "0 8 linear s 0\n8 16 striped 2 8 s 0 t 0 # tail\n\n24 8 zero\n32 8 error\n"),
            (.table, "# only\n 0 8 linear a\\ b 18446744073709551615\n"),
            (.concise, "x,U,7,ro,0 8 zero,8 8 error;y\\,z,,,rw, 0 8 linear s 0;"),
            (.selection, "name=a && (minor>=1 || !(name=~\"^t|x\")) # minor<7, name!='q'"),
            (.log, "/no/\u{600}%n\u{600}%n"), (.log, "%s\n\u{1b}[2J\u{9b}m\u{0}\u{202e}é%"),
            (.selection, "name!~[a-z] || minor != 18446744073709551615"),
        ]
    }
#endif
