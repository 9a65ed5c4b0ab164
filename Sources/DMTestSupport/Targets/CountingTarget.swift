#if DEBUG
    @testable import DeviceMapper
    import Synchronization
    import SystemPackage

    /// `counting DEVICE OFFSET METADATA`: linear, and counts its writes in the first sector of METADATA: what
    /// a target with metadata needs of the core. The count is read when the table is loaded, and written
    /// when the device is suspended and before its status is told.
    ///
    /// Messages: `count` writes the count, and answers with it; `note BYTE` fills the second sector of
    /// METADATA, without waiting for it; `refuse` has the next resume over METADATA fail, of this table or
    /// another one.
    final class CountingTarget: Target, @unchecked Sendable {
        // @unchecked: `count` is atomic, `awaited` is used under the lock of `refusal`.
        static let type = TargetType(name: "counting", version: (1, 0, 0), rules: .singleton) {
            context throws(DMError) in
            try CountingTarget(parsing: context)
        }

        private let device: LowerDevice
        private let metadata: LowerDevice
        private let start: UInt64
        private let shift: UInt64
        private let awaited: AwaitedIO
        private let context: TargetContext
        private let refusal: Refusal
        private let count: Atomic<UInt64>

        /// What the targets over one metadata device have together.
        private final class Refusal: SharedState, @unchecked Sendable {
            // @unchecked: guarded by `lock`.
            var refuses = false
        }

        private init(parsing context: TargetContext) throws(DMError) {
            let words = context.arguments
            guard words.count == 3, let start = TargetNumber.sector(words[1]) else {
                throw DMError(.invalidArgument, "Invalid arguments")
            }
            device = try context.lowerDevice(words[0], reason: "Device lookup failed")
            metadata = try context.lowerDevice(words[2], reason: "Metadata lookup failed")
            self.start = start
            self.context = context
            shift = start &* Sectors.size &- context.begin.bytes
            awaited = AwaitedIO(context)
            let metadata = metadata
            try awaited.run(nil) { $0.read(from: metadata, at: 0, length: 512) }
            count = Atomic(awaited.data.loadUnaligned(as: UInt64.self))
            refusal = context.sharedStates.state(of: metadata) { Refusal() }
            super.init(context)
        }

        override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
            if operation.isChange { count.add(1, ordering: .relaxed) }
            return .remapped(.passUnretained(device), offset: offset &+ shift, .none)
        }

        // MARK: Life

        override var hasLife: Bool { true }
        override var commitsForStatus: Bool { true }

        override func didSuspend(_ interrupt: Interrupt?) { commit(interrupt) }

        override func willResume(_ interrupt: Interrupt?) throws(DMError) {
            try refusal.lock.lock(interrupt)
            defer { refusal.lock.unlock() }
            defer { refusal.refuses = false }
            if refusal.refuses { throw DMError(.ioError, "refused") }
        }

        override func commit(_ interrupt: Interrupt?) {
            guard let payload = Payload(pooled: 512) else { return }
            payload.memory.initializeMemory(as: UInt8.self, repeating: 0, count: 512)
            payload.memory.storeBytes(of: count.load(ordering: .relaxed), as: UInt64.self)
            // Whoever commits with an interrupt that comes writes it the next time.
            guard (try? refusal.lock.lock(interrupt)) != nil else { return }
            defer { refusal.lock.unlock() }
            try? awaited.run(interrupt) { $0.write(payload, length: 512, to: metadata, at: 0) }
        }

        // MARK: Messages

        override func message(
            _ words: [ByteString], _ interrupt: Interrupt?
        ) throws(DMError) -> ByteString? {
            switch words[0] {
            case "count":
                commit(interrupt)
                return "\(count.load(ordering: .relaxed))"
            case "long": return ByteString([UInt8](repeating: UInt8(ascii: "x"), count: 1000))
            case "refuse":
                try refusal.lock.lock(interrupt)
                defer { refusal.lock.unlock() }
                refusal.refuses = true
                return nil
            case "note":
                guard words.count == 2,
                    let byte = TargetNumber.unsigned(words[1]).flatMap(UInt8.init(exactly:))
                else { throw DMError(.invalidArgument, "Invalid note") }
                return try note(byte)
            default: throw DMError(.invalidArgument, "Unknown message")
            }
        }

        private func note(_ byte: UInt8) throws(DMError) -> ByteString? {
            guard let payload = Payload(pooled: 512) else { throw DMError(.noMemory) }
            payload.memory.initializeMemory(as: UInt8.self, repeating: byte, count: 512)
            // Kept by its completion until it has ended.
            final class Note: @unchecked Sendable { var io: TargetIO? }
            let note = Note()
            note.io = TargetIO(context) { _, _ in note.io = nil }
            note.io?.write(payload, length: 512, to: metadata, at: 512)
            return nil
        }

        override func status(_ kind: StatusKind) -> ByteString {
            switch kind {
            case .info: "\(count.load(ordering: .relaxed))"
            case .table(let paths):
                "\(device.word(paths: paths)) \(start) \(metadata.word(paths: paths))"
            case .measurement: ""
            }
        }

        override func lowerAreas() -> [LowerArea] {
            [
                LowerArea(device: device, start: start, length: (end - begin) / Sectors.size),
                LowerArea(device: metadata, start: 0, length: 2),
            ]
        }
    }
#endif
