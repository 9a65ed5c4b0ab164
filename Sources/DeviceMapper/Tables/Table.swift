import SystemPackage

/// A device's map: its targets in order, and the lower devices that they use.
///
/// Immutable once built. It holds its mapped device from its creation until it is destroyed, so
/// that no device is freed before its tables. `destroy` is explicit, when no request is in flight
/// in it, and never under dm_sem: closing a lower device takes that lock.
final class Table: @unchecked Sendable {
    // @unchecked: immutable but for `device`, dropped by the one `destroy`, and `takesDiscards` and
    // `blocks`, set before the table is live.

    let size: Sectors
    let isReadOnly: Bool
    /// Distinct lower devices, newest first, as `deps` lists them.
    let lowerDevices: [LowerDevice]
    private var device: MappedDevice?
    let lifecycle: Lifecycle
    /// The targets, each retained once, and the last byte of each: raw memory, so that a lookup
    /// counts no reference.
    private let targets: UnsafeMutablePointer<Unmanaged<Target>>
    private let lastBytes: UnsafeMutablePointer<UInt64>
    let targetCount: Int
    /// Targets that map flushes themselves, and the lower devices that none of these flushes.
    let flushTargets: [Target]
    let flushedDirectly: [LowerDevice]
    private let targetsWithLife: [Target]
    private let committingTargets: [Target]
    /// As measured when it went live.
    var takesDiscards = false
    /// Set when it was measured: before it is live, and once. Nil: it takes requests of any bytes.
    private(set) var blocks: Unmanaged<BlockAccess>?

    /// What `TableBuilder` made.
    init(
        device: MappedDevice, targets list: [Target], lowerDevices: [LowerDevice], isReadOnly: Bool
    ) {
        self.device = device
        lifecycle = device.disk.lifecycle.ofNewTable()
        self.lowerDevices = lowerDevices
        self.isReadOnly = isReadOnly
        targetCount = list.count
        targets = .allocate(capacity: list.count)
        lastBytes = .allocate(capacity: list.count)
        var previousEnd: UInt64 = 0
        for (index, target) in list.enumerated() {
            precondition(
                target.begin == previousEnd && target.end > target.begin, "table has a gap")
            previousEnd = target.end
            (targets + index).initialize(to: Unmanaged.passRetained(target))
            (lastBytes + index).initialize(to: target.end - 1)
        }
        size = Sectors(wholeIn: previousEnd)
        let flushTargets = list.filter { $0.flushedDevice != nil }
        let covered = Set(flushTargets.compactMap(\.flushedDevice).map(ObjectIdentifier.init))
        self.flushTargets = flushTargets
        flushedDirectly = lowerDevices.filter { !covered.contains(ObjectIdentifier($0)) }
        targetsWithLife = list.filter(\.hasLife)
        committingTargets = list.filter(\.commitsForStatus)
        lifecycle.note(.tableAllocated)
    }

    deinit {
        precondition(device == nil, "a table was dropped without being destroyed")
        for index in 0..<targetCount { targets[index].release() }
        blocks?.release()
        targets.deallocate()
        lastBytes.deallocate()
        IdleMemory.shared.note()
        lifecycle.note(.tableReleased)
    }

    /// Of each request it gets whole blocks of so many bytes. Before it is live.
    func takeBlocks(of size: UInt64) {
        guard blocks == nil, size > 1 else { return }
        blocks = .passRetained(BlockAccess(size: size, of: self))
    }

    /// Whether a write matches that waits for its block.
    func holdsWrite(where matches: (IORequest) -> Bool) -> Bool {
        blocks?._withUnsafeGuaranteedRef { $0.order.holds(where: matches) } ?? false
    }

    /// Takes those back that match.
    func withdrawWrites(where matches: (IORequest) -> Bool) -> [IORequest] {
        blocks?._withUnsafeGuaranteedRef { $0.order.withdraw(where: matches) } ?? []
    }

    /// Closes the lower devices and lets go of the mapped device. Once, with no request in flight
    /// here, no lock held that ranks with dm_sem or inside it.
    func destroy() {
        precondition(device != nil, "a table was destroyed twice")
        #if DEBUG
            HeldRanks.willSleep("a table is destroyed")
        #endif
        for target in targetsWithLife { target.close() }
        for lower in lowerDevices { lower.close() }
        // Before the device is let go of, which may be freed by that.
        lifecycle.note(.tableFreed)
        device = nil
    }

    /// The index of the target of byte `offset`, which lies in the table: a binary search, so a
    /// table of 2^20 lines takes 20 steps.
    private func index(of offset: UInt64) -> Int {
        var low = 0
        var high = targetCount - 1
        while low < high {
            let middle = (low + high) / 2
            if lastBytes[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func withTarget<Result>(of offset: UInt64, _ body: (Target) -> Result) -> Result {
        targets[index(of: offset)]._withUnsafeGuaranteedRef(body)
    }

    private func target(of offset: UInt64) -> Target {
        targets[index(of: offset)].takeUnretainedValue()
    }

    func forEachTarget(_ body: (Target) -> Void) {
        for index in 0..<targetCount { targets[index]._withUnsafeGuaranteedRef(body) }
    }

    /// The type that may not be mixed with others (`dm_table_get_immutable_target_type`); nil: there is none.
    var immutableType: TargetType? {
        withTarget(of: 0) { $0.type.rules.contains(.immutable) ? $0.type : nil }
    }

    /// Whether it may follow a table of an immutable type.
    func mayFollow(_ type: TargetType) -> Bool {
        if immutableType?.name == type.name { return true }
        var hasWildcard = false
        forEachTarget { if $0.type.rules.contains(.wildcard) { hasWildcard = true } }
        return hasWildcard
    }

    /// Why a change may not go through it; nil: it may. Openers were refused with an errno of their
    /// own already: such a request comes from a device above.
    func refusal(of operation: IOOperation) -> Errno? {
        if isReadOnly { return .ioError }
        return operation == .discard && !takesDiscards ? .notSupported : nil
    }

    // MARK: Life, as `Target` says it

    func willSuspend(_ flags: SuspendFlags) {
        for target in targetsWithLife { target.willSuspend(flags) }
    }
    func didSuspend(_ interrupt: Interrupt?) {
        for target in targetsWithLife { target.didSuspend(interrupt) }
    }
    /// Ends with the first target that refuses.
    func willResume(_ interrupt: Interrupt?) throws(DMError) {
        for target in targetsWithLife { try target.willResume(interrupt) }
    }
    func didResume() { for target in targetsWithLife { target.didResume() } }

    // MARK: Commands

    /// EINVAL: no target is there, or it takes no such message.
    func message(
        _ words: [ByteString], sector: UInt64, _ interrupt: Interrupt?
    ) throws(DMError) -> ByteString? {
        guard sector < size.count else {
            throw DMError(.invalidArgument, "Target message sector outside device.")
        }
        return try target(of: sector * Sectors.size).message(words, interrupt)
    }

    var commitsForStatus: Bool { !committingTargets.isEmpty }
    func commit(_ interrupt: Interrupt?) {
        for target in committingTargets { target.commit(interrupt) }
    }

    func statusLines(_ kind: StatusKind) -> [StatusLine] {
        var lines: [StatusLine] = []
        lines.reserveCapacity(targetCount)
        forEachTarget { target in
            lines.append(
                StatusLine(
                    start: target.begin / Sectors.size,
                    length: (target.end - target.begin) / Sectors.size,
                    targetType: target.type.name, text: target.status(kind)))
        }
        return lines
    }
}
