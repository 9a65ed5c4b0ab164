import SystemPackage
import Synchronization

/// `striped STRIPES CHUNK [DEVICE OFFSET]{STRIPES}`: chunks of CHUNK sectors go round the devices,
/// chunk k to stripe k mod STRIPES. Any STRIPES and CHUNK above 0 that divide the length.
/// Behaviour: drivers/md/dm-stripe.c.
final class StripedTarget: Target, @unchecked Sendable {
    static let type = TargetType(name: "striped", version: (1, 6, 0)) { context throws(DMError) in
        try StripedTarget(parsing: context)
    }

    private struct Stripe {
        let device: LowerDevice
        /// In sectors.
        let start: UInt64
    }

    private let stripes: [Stripe]
    /// In sectors.
    private let chunkSize: UInt32
    /// Errors of each stripe, for the letters of `status`. Raw, so that `endIO` needs no array.
    private let errorCounts: UnsafeMutablePointer<Atomic<UInt32>>
    /// What `map` needs of each stripe: the device, its first byte, and whether all of the stripe
    /// lies within the longest device there can be (see `LinearTarget`).
    private let hot:
        UnsafeMutablePointer<(device: Unmanaged<LowerDevice>, start: UInt64, isReachable: Bool)>
    private let stripeCount: UInt64
    private let chunkBytes: UInt64
    /// A chunk of each stripe, in bytes. Nil where there is one stripe, or where one is a mapped device,
    /// which wants the bytes of a part in one piece.
    override var round: UInt64? { roundBytes }
    private let roundBytes: UInt64?
    private let raiseEvent: @Sendable () -> Void
    /// A stripe that failed so often raises no more events (`DM_IO_ERROR_THRESHOLD`).
    private static let errorsWithEvent: UInt32 = 15

    private init(parsing context: TargetContext) throws(DMError) {
        let words = context.arguments
        guard words.count >= 2 else { throw DMError(.invalidArgument, "Not enough arguments") }
        guard let count = TargetNumber.unsigned(words[0]), count > 0 else {
            throw DMError(.invalidArgument, "Invalid stripe count")
        }
        guard let chunk = TargetNumber.unsigned(words[1]), chunk > 0 else {
            throw DMError(.invalidArgument, "Invalid chunk_size")
        }
        let (width, remainder) = context.length.count.quotientAndRemainder(
            dividingBy: UInt64(count))
        guard remainder == 0 else {
            throw DMError(
                .invalidArgument, "Target length not divisible by number of stripes")
        }
        guard width % UInt64(chunk) == 0 else {
            throw DMError(.invalidArgument, "Target length not divisible by chunk size")
        }
        guard words.count - 2 == 2 * Int(count) else {
            throw DMError(.invalidArgument, "Not enough destinations specified")
        }
        var stripes: [Stripe] = []
        for index in stride(from: 2, to: words.count, by: 2) {
            let reason = "Couldn't parse stripe destination"
            guard let start = TargetNumber.sector(words[index + 1]) else {
                throw DMError(.invalidArgument, reason)
            }
            let device = try context.lowerDevice(words[index], reason: reason)
            stripes.append(Stripe(device: device, start: start))
        }
        self.stripes = stripes
        chunkSize = chunk
        stripeCount = UInt64(count)
        chunkBytes = UInt64(chunk) * Sectors.size
        let hasRounds = stripes.count > 1 && stripes.allSatisfy(\.device.isBacking)
        roundBytes = hasRounds ? chunkBytes * stripeCount : nil
        hot = .allocate(capacity: stripes.count)
        errorCounts = .allocate(capacity: stripes.count)
        for (index, stripe) in stripes.enumerated() {
            (hot + index).initialize(
                to: (
                    Unmanaged.passUnretained(stripe.device), stripe.start &* Sectors.size,
                    LowerArea.isReachable(start: stripe.start, length: width)
                ))
            (errorCounts + index).initialize(to: Atomic<UInt32>(0))
        }
        raiseEvent = context.raiseEvent
        super.init(context)
    }

    deinit {
        hot.deinitialize(count: stripes.count)
        hot.deallocate()
        errorCounts.deinitialize(count: stripes.count)
        errorCounts.deallocate()
    }

    /// Up to the end of a chunk; the chunks of a single stripe are one stretch.
    override func run(from offset: UInt64) -> UInt64 {
        guard stripeCount > 1 else { return end - offset }
        return chunkBytes - (offset - begin) % chunkBytes
    }

    override func map(_ operation: IOOperation, at offset: UInt64) -> Mapping {
        let (chunk, within) = (offset - begin).quotientAndRemainder(dividingBy: chunkBytes)
        let (row, stripe) = chunk.quotientAndRemainder(dividingBy: stripeCount)
        let index = Int(truncatingIfNeeded: stripe)
        let lower = hot[index]
        guard lower.isReachable else { return .failed(.ioError) }
        return .remapped(
            lower.device, offset: lower.start &+ row &* chunkBytes &+ within, .end(tag: index))
    }

    override var partsByDevice: Int { stripes.count }

    /// One part for each stripe, since what a range has of one lies in one piece there: many small
    /// discards would be worth less. (`stripe_map_range`)
    override func mapPart(
        _ operation: IOOperation, from offset: UInt64, to end: UInt64, part: Int
    ) -> (mapping: Mapping, length: UInt64) {
        let from = place(of: offset, on: UInt64(part))
        let to = place(of: end, on: UInt64(part))
        let lower = hot[part]
        guard lower.isReachable else { return (.failed(.ioError), to - from) }
        return (
            .remapped(lower.device, offset: lower.start &+ from, .end(tag: part)), to - from
        )
    }

    /// Byte of a stripe at which its share of what lies before byte `offset` of the device ends.
    private func place(of offset: UInt64, on stripe: UInt64) -> UInt64 {
        let (chunk, within) = (offset - begin).quotientAndRemainder(dividingBy: chunkBytes)
        let (row, current) = chunk.quotientAndRemainder(dividingBy: stripeCount)
        if stripe == current { return row * chunkBytes + within }
        return (stripe < current ? row + 1 : row) * chunkBytes
    }

    override func stretches(from offset: UInt64, part: Int) -> (start: Int, Stretches) {
        let (chunk, within) = (offset - begin).quotientAndRemainder(dividingBy: chunkBytes)
        let current = chunk % stripeCount
        let gap = (stripeCount - 1) * chunkBytes
        let isFirst = UInt64(part) == current
        let ahead = (UInt64(part) + stripeCount - current) % stripeCount
        return (
            isFirst ? 0 : Int(ahead * chunkBytes - within),
            Stretches(
                first: Int(isFirst ? chunkBytes - within : chunkBytes), chunk: Int(chunkBytes),
                gap: Int(gap))
        )
    }

    /// Counts a stripe's errors, by its device as the kernel does: a device that stands twice gets
    /// both letters. What a device does not support, or a client gave up, is no error of it.
    override func endIO(_ request: IORequest, tag: Int, _ error: Errno?) -> Ending {
        guard let error, error != .notSupported, error != .interrupted else {
            return .ended(error)
        }
        let failed = hot[tag].device.toOpaque()
        for index in 0..<stripes.count where hot[index].device.toOpaque() == failed {
            let count = errorCounts[index].add(1, ordering: .relaxed).newValue
            if count < StripedTarget.errorsWithEvent { raiseEvent() }
        }
        return .ended(error)
    }

    override func status(_ kind: StatusKind) -> ByteString {
        switch kind {
        case .info:
            let devices = stripes.map { "\($0.device.number)" }.joined(separator: " ")
            let letters = stripes.indices.map(letter).joined()
            return "\(stripes.count) \(devices) 1 \(letters)"
        case .table(let paths):
            let destinations: [ByteString] = stripes.map {
                "\($0.device.word(paths: paths)) \($0.start)"
            }
            return "\(stripes.count) \(chunkSize) \(destinations.joined(separator: " "))"
        case .measurement:
            return measurement(
                ["stripes=\(stripes.count)", "chunk_size=\(chunkSize)"]
                    + stripes.enumerated().flatMap { index, stripe in
                        [
                            "stripe_\(index)_device_name=\(stripe.device.number)",
                            "stripe_\(index)_physical_start=\(stripe.start)",
                            "stripe_\(index)_status=\(letter(index))",
                        ]
                    })
        }
    }

    /// Alive, or dead: it failed once.
    private func letter(_ stripe: Int) -> String {
        errorCounts[stripe].load(ordering: .relaxed) == 0 ? "A" : "D"
    }

    /// A chunk is done well, and a round of them best (`stripe_io_hints`). Too long a round loses
    /// what is beyond 32 bits, as there.
    override func addHints(to limits: inout QueueLimits) {
        let bytes = chunkSize &* UInt32(Sectors.size)
        limits.setMinimumIO(bytes)
        limits.setOptimalIO(bytes &* UInt32(truncatingIfNeeded: stripeCount))
    }

    override func lowerAreas() -> [LowerArea] {
        let width = (end - begin) / Sectors.size / stripeCount
        return stripes.map { LowerArea(device: $0.device, start: $0.start, length: width) }
    }
}
