#if DEBUG
    @testable import DeviceMapper
    import SystemPackage

    /// `xor DEVICE OFFSET BYTE [BLOCKSIZE]`: linear from sector OFFSET of DEVICE on, each byte XORed with BYTE,
    /// in blocks of BLOCKSIZE bytes, a power of two; 1 unless given. What a cipher needs of the core.
    final class XorTarget: Target, @unchecked Sendable {
        static let type = TargetType(name: "xor", version: (1, 0, 0)) { context throws(DMError) in
            try XorTarget(parsing: context)
        }

        private enum Step: Int { case encode, decode }

        private let device: LowerDevice
        private let start: UInt64
        /// See `LinearTarget`.
        private let shift: UInt64
        /// See `LinearTarget`.
        private let isReachable: Bool
        private let key: UInt8
        override var blockSize: UInt32 { ownBlockSize }
        private let ownBlockSize: UInt32
        private let compute: ComputeTurn

        private init(parsing context: TargetContext) throws(DMError) {
            let words = context.arguments
            guard (3...4).contains(words.count) else {
                throw DMError(.invalidArgument, "Invalid argument count")
            }
            guard let start = TargetNumber.sector(words[1]) else {
                throw DMError(.invalidArgument, "Invalid device sector")
            }
            guard let key = TargetNumber.unsigned(words[2]).flatMap(UInt8.init(exactly:)) else {
                throw DMError(.invalidArgument, "Invalid byte")
            }
            guard let blockSize = words.count == 4 ? TargetNumber.unsigned(words[3]) : 1,
                blockSize.nonzeroBitCount == 1, blockSize <= 4096
            else { throw DMError(.invalidArgument, "Invalid block size") }
            device = try context.lowerDevice(words[0], reason: "Device lookup failed")
            self.start = start
            self.key = key
            shift = start &* Sectors.size &- context.begin.bytes
            isReachable = LowerArea.isReachable(start: start, length: context.length.count)
            ownBlockSize = blockSize
            compute = context.compute
            super.init(context)
        }

        // MARK: Requests

        override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
            guard isReachable else { return .failed(.ioError) }
            if operation == .write { return .taken }
            let hearing: Hearing = operation == .read ? .endWithBytes(tag: 0) : .none
            return .remapped(.passUnretained(device), offset: offset &+ shift, hearing)
        }

        override func take(_ request: IORequest) {
            checkIsWhole(request)
            compute.run(request, for: self, step: Step.encode.rawValue)
        }

        override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
            checkIsWhole(request)
            if error != nil { return .ended(error) }
            compute.run(request, for: self, step: Step.decode.rawValue)
            return .taken
        }

        override func compute(_ request: IORequest, step: Int) {
            switch Step(rawValue: step) {
            case .encode: encode(request)
            case .decode: decode(request)
            case nil: preconditionFailure("no such step")
            }
        }

        /// The bytes of a write belong to who sent it: they go on as a copy.
        private func encode(_ request: IORequest) {
            guard let encoded = Payload(pooled: request.length) else {
                return request.finish(.noMemory)
            }
            let error = request.withBytesToWrite { bytes in
                for (index, byte) in bytes.enumerated() {
                    encoded.memory.storeBytes(of: byte ^ key, toByteOffset: index, as: UInt8.self)
                }
                return nil
            }
            if let error { return request.finish(error) }
            request.replaceBytes(with: encoded)
            request.offset &+= shift
            device.submit(request)
        }

        private func decode(_ request: IORequest) {
            guard let bytes = request.bytesToFill() else { return request.finish(.noMemory) }
            for index in bytes.indices { bytes[index] ^= key }
            request.finish(nil)
        }

        private func checkIsWhole(_ request: IORequest) {
            let bytes = request.bytesOfDevice
            let size = UInt64(ownBlockSize)
            precondition(
                bytes.lowerBound % size == 0
                    && (bytes.upperBound % size == 0 || bytes.upperBound == end),
                "less than a block")
        }

        // MARK: What it takes

        // Zeros here are something else there.
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
