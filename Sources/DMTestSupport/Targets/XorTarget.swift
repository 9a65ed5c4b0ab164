#if DEBUG
    @testable import DeviceMapper
    import SystemPackage

    /// `xor DEVICE OFFSET BYTE [BLOCKSIZE]`: linear, each byte XORed with BYTE on its way, by the compute
    /// threads, in blocks of BLOCKSIZE bytes (1): what a cipher needs of the core.
    final class XorTarget: Target, @unchecked Sendable {
        static let type = TargetType(name: "xor", version: (1, 0, 0)) { context throws(DMError) in
            try XorTarget(parsing: context)
        }

        private enum Step: Int { case plainWrite, encodedRead }

        private let device: LowerDevice
        private let start: UInt64
        private let shift: UInt64
        private let key: UInt8
        private let compute: ComputeTurn
        private let ownBlockSize: UInt32

        private init(parsing context: TargetContext) throws(DMError) {
            let words = context.arguments
            guard (3...4).contains(words.count), let start = TargetNumber.sector(words[1]),
                let key = TargetNumber.unsigned(words[2]).flatMap(UInt8.init(exactly:)),
                let blockSize = words.count == 4 ? TargetNumber.unsigned(words[3]) : 1
            else { throw DMError(.invalidArgument, "Invalid arguments") }
            device = try context.lowerDevice(words[0], reason: "Device lookup failed")
            self.start = start
            self.key = key
            shift = start &* Sectors.size &- context.begin.bytes
            compute = context.compute
            ownBlockSize = blockSize
            super.init(context)
        }

        override var blockSize: UInt32 { ownBlockSize }

        private func checkIsWhole(_ request: IORequest) {
            let size = UInt64(ownBlockSize)
            precondition(
                request.offset % size == 0
                    && (UInt64(request.length) % size == 0
                        || request.bytesOfDevice.upperBound == end),
                "less than a block")
        }

        override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
            let lower = Unmanaged.passUnretained(device)
            switch operation {
            case .read: return .remapped(lower, offset: offset &+ shift, .endWithBytes(tag: 0))
            case .write: return .taken
            case .flush, .discard, .writeZeroes:
                return .remapped(lower, offset: offset &+ shift, .none)
            }
        }

        override func take(_ request: IORequest) {
            checkIsWhole(request)
            compute.run(request, for: self, step: Step.plainWrite.rawValue)
        }

        override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
            checkIsWhole(request)
            if error != nil { return .ended(error) }
            compute.run(request, for: self, step: Step.encodedRead.rawValue)
            return .taken
        }

        override func compute(_ request: IORequest, step: Int) {
            switch Step(rawValue: step) {
            case .plainWrite: write(request)
            case .encodedRead:
                guard let bytes = request.bytesToFill() else { return request.finish(.noMemory) }
                for index in bytes.indices { bytes[index] ^= key }
                request.finish(nil)
            case nil: preconditionFailure("no such step")
            }
        }

        private func write(_ request: IORequest) {
            guard let encoded = Payload(pooled: request.length) else {
                return request.finish(.noMemory)
            }
            let error = request.withBytesToWrite { plain in
                for (index, byte) in plain.enumerated() {
                    encoded.memory.storeBytes(of: byte ^ key, toByteOffset: index, as: UInt8.self)
                }
                return nil
            }
            if let error { return request.finish(error) }
            request.replaceBytes(with: encoded)
            request.offset &+= shift
            device.submit(request)
        }

        override var encodesZeroes: Bool { true }
        override var forwardsWriteZeroes: Bool { false }
        override var forwardsDiscards: Bool { false }

        override func status(_ kind: StatusKind) -> ByteString {
            switch kind {
            case .info, .measurement: ""
            case .table(let paths): "\(device.word(paths: paths)) \(start) \(key) \(ownBlockSize)"
            }
        }

        override func lowerAreas() -> [LowerArea] {
            [LowerArea(device: device, start: start, length: (end - begin) / Sectors.size)]
        }
    }
#endif
